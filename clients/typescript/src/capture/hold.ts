/**
 * Keeps the end of an answer back until its record is on the disk.
 *
 * Whoever looks at the answer meanwhile sees one that has ended: its headers are sent, nothing of it can be
 * changed, and what is written nonetheless fails as it does with Node.
 */
import type { ServerResponse } from "node:http";

type Method = (...args: unknown[]) => unknown;

// Functions and properties that all answers share are much quicker than some of each answer's own.

/** Whether the end of the answer is held; on the answer, for what stands in for its properties. */
const HELD = Symbol("auditrail");

type Held = ServerResponse & { [HELD]?: boolean };

/** What says that an answer was sent: yes while its end is held, else what it says by itself. */
const SAYING: PropertyDescriptorMap = Object.fromEntries(
  ["headersSent", "writableEnded"].map((name) => {
    const get = function (this: Held): unknown {
      return this[HELD] === true || Reflect.get(Object.getPrototypeOf(this) as object, name, this);
    };
    return [name, { configurable: true, get }];
  }),
);

/** What an answer that was sent refuses, as Node does. */
const REFUSING: Readonly<Record<string, Method>> = {
  ...Object.fromEntries(["setHeader", "setHeaders", "appendHeader", "removeHeader", "writeHead"].map((name) => [name, refuse])),
  flushHeaders: () => undefined,
};

function refuse(): never {
  const error = new Error("Cannot change headers after the answer has ended");
  throw Object.assign(error, { code: "ERR_HTTP_HEADERS_SENT" });
}

/**
 * Holds the last part of an answer: what a handler ends it with, or what completes the length it announced,
 * after which a caller waits for nothing more.
 *
 * `settle` is asked then: without a promise the answer goes on at once, else when the promise is settled. It
 * must not be rejected.
 */
export function hold(response: ServerResponse, settle: () => Promise<void> | undefined): void {
  const write = response.write.bind(response) as Method;
  const end = response.end.bind(response) as Method;
  let written = 0;
  /** What was called since the last part, while that is held. */
  let calls: (() => unknown)[] | undefined;
  /** Whether the part is held, with all that is called after it. */
  const holds = (prepare: () => () => void): boolean => {
    const settled = settle();
    if (settled === undefined) {
      return false;
    }
    calls = [];
    const release = prepare();
    void settled.then(() => {
      const held = calls ?? [];
      calls = undefined;
      release();
      play(response, held);
    });
    return true;
  };
  response.write = ((...args: unknown[]) => {
    written += length(args[0], args[1]);
    if (calls !== undefined || (written >= announced(response) && holds(() => begin(response)))) {
      calls?.push(() => write(...args));
      return true;
    }
    return write(...args);
  }) as typeof response.write;
  response.end = ((...args: unknown[]) => {
    if (calls !== undefined || (isSendable(args[0]) && holds(() => freeze(response)))) {
      calls?.push(() => end(...args));
      return response;
    }
    return end(...args);
  }) as typeof response.end;
}

/** Node refuses everything else where it is called, and so a handler hears of it. */
function isSendable(chunk: unknown): boolean {
  return chunk === undefined || chunk === null || typeof chunk === "function" || isBytes(chunk);
}

function isBytes(chunk: unknown): chunk is string | Uint8Array {
  return typeof chunk === "string" || chunk instanceof Uint8Array;
}

function length(chunk: unknown, encoding: unknown): number {
  const known = typeof encoding === "string" ? (encoding as BufferEncoding) : "utf8";
  return isBytes(chunk) ? Buffer.byteLength(chunk, known) : 0;
}

/** How many bytes the answer has, where its headers say so. */
function announced(response: ServerResponse): number {
  const said = response.getHeader("content-length");
  return said === undefined ? Number.POSITIVE_INFINITY : Number(said);
}

function play(response: ServerResponse, calls: readonly (() => unknown)[]): void {
  try {
    calls.forEach((call) => call());
  } catch (error) {
    // The handler that should have heard of it is gone.
    response.destroy(error instanceof Error ? error : undefined);
  }
}

/** Begins an answer that is not to end yet, as its write would have done. */
function begin(response: ServerResponse): () => void {
  if (!response.headersSent) {
    response.writeHead(response.statusCode);
  }
  return () => undefined;
}

/**
 * Lets an answer look sent, and unable to change; the function that this gives ends that. Its headers are not
 * really sent, because what is around its end may still have to see to them then.
 */
function freeze(response: Held): () => void {
  const { statusCode } = response;
  response[HELD] = true;
  Object.defineProperties(response, SAYING);
  const methods = response as unknown as Record<string, Method | undefined>;
  const known = Object.keys(REFUSING).map((name) => [name, methods[name]] as const);
  for (const [name, method] of known) {
    if (method !== undefined) {
      methods[name] = REFUSING[name];
    }
  }
  return () => {
    response[HELD] = false;
    for (const [name, method] of known) {
      if (method !== undefined) {
        methods[name] = method;
      }
    }
    response.statusCode = statusCode;
  };
}
