/**
 * Keeps the end of an answer back until its record is on the disk.
 *
 * Whoever looks at the answer meanwhile sees one that has ended: its headers are sent, nothing of it can be
 * changed, and what is written nonetheless fails as it does with Node.
 */
import type { ServerResponse } from "node:http";

type Method = (...args: unknown[]) => unknown;

/** What changes the headers, which are fixed once an answer has ended. */
const CHANGES = ["setHeader", "setHeaders", "appendHeader", "removeHeader", "writeHead", "flushHeaders"] as const;

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
  const holds = (ended: boolean): boolean => {
    const settled = settle();
    if (settled === undefined) {
      return false;
    }
    calls = [];
    const thaw = freeze(response, ended);
    void settled.then(() => {
      const held = calls ?? [];
      calls = undefined;
      thaw();
      play(response, held);
    });
    return true;
  };
  response.write = ((...args: unknown[]) => {
    written += length(args[0], args[1]);
    if (calls !== undefined || (written >= announced(response) && holds(false))) {
      calls?.push(() => write(...args));
      return true;
    }
    return write(...args);
  }) as typeof response.write;
  response.end = ((...args: unknown[]) => {
    if (calls !== undefined || (isSendable(args[0]) && holds(true))) {
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
  if (typeof chunk === "string") {
    return Buffer.byteLength(chunk, typeof encoding === "string" ? (encoding as BufferEncoding) : "utf8");
  }
  return chunk instanceof Uint8Array ? chunk.byteLength : 0;
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

/** Lets an answer look sent, and unable to change; the function that this gives ends that. */
function freeze(response: ServerResponse, ended: boolean): () => void {
  const { statusCode } = response;
  let frozen = true;
  for (const name of ended ? ["headersSent", "writableEnded"] : ["headersSent"]) {
    const inherited = Object.getPrototypeOf(response) as object;
    const get = (): unknown => frozen || Reflect.get(inherited, name, response);
    Object.defineProperty(response, name, { configurable: true, get });
  }
  const methods = response as unknown as Record<string, Method | undefined>;
  const known = CHANGES.flatMap((name) => {
    const method = methods[name];
    return method === undefined ? [] : [[name, method] as const];
  });
  for (const [name] of known) {
    methods[name] = () => {
      const error = new Error(`Cannot call ${name} after the answer has ended`);
      throw Object.assign(error, { code: "ERR_HTTP_HEADERS_SENT" });
    };
  }
  return () => {
    frozen = false;
    known.forEach(([name, method]) => (methods[name] = method));
    response.statusCode = statusCode;
  };
}
