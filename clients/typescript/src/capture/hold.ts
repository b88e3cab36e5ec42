/**
 * Holds the end of a response back until its record is durable.
 *
 * Meanwhile the response looks ended to the application: its headers count as sent, it cannot be changed, and
 * writes fail as they do in Node.
 */
import type { ServerResponse } from "node:http";

type Method = (...args: unknown[]) => unknown;

// Shared functions and properties are much faster than new ones for each response.

/** Set on a response while its end is held. */
const HELD = Symbol("auditrail");

type Held = ServerResponse & { [HELD]?: boolean };

/** Properties that are true while the end is held, else as inherited. */
const SENT_PROPERTIES: PropertyDescriptorMap = Object.fromEntries(
  ["headersSent", "writableEnded"].map((name) => {
    const get = function (this: Held): unknown {
      return this[HELD] === true || Reflect.get(Object.getPrototypeOf(this) as object, name, this);
    };
    return [name, { configurable: true, get }];
  }),
);

/** Methods that fail after the headers were sent, as in Node. */
const REFUSING_METHODS: Readonly<Record<string, Method>> = {
  ...Object.fromEntries(["setHeader", "setHeaders", "appendHeader", "removeHeader", "writeHead"].map((name) => [name, refuse])),
  flushHeaders: () => undefined,
};

function refuse(): never {
  const error = new Error("Cannot change headers after the response has ended");
  throw Object.assign(error, { code: "ERR_HTTP_HEADERS_SENT" });
}

/**
 * Holds the last part of a response: the call of `end`, or the chunk that completes the announced
 * content length, after which a client waits for nothing more.
 *
 * `settle` is called then. Without a promise the response continues immediately, else when the promise
 * is settled. The promise must not reject.
 */
export function hold(response: ServerResponse, settle: () => Promise<void> | undefined): void {
  const write = response.write.bind(response) as Method;
  const end = response.end.bind(response) as Method;
  let written = 0;
  /** Calls since the last part, while that is held. */
  let calls: (() => unknown)[] | undefined;
  /** Holds the part, and all calls after it, if `settle` returns a promise. */
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
      replay(response, held);
    });
    return true;
  };
  response.write = ((...args: unknown[]) => {
    written += length(args[0], args[1]);
    if (calls !== undefined || (written >= contentLength(response) && holds(() => sendHeaders(response)))) {
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

/** Node throws for any other chunk, and the handler must get that exception. */
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

/** The announced content length. */
function contentLength(response: ServerResponse): number {
  const header = response.getHeader("content-length");
  return header === undefined ? Number.POSITIVE_INFINITY : Number(header);
}

function replay(response: ServerResponse, calls: readonly (() => unknown)[]): void {
  try {
    calls.forEach((call) => call());
  } catch (error) {
    // The handler that should get the exception has returned.
    response.destroy(error instanceof Error ? error : undefined);
  }
}

/** Sends the headers of a response whose last chunk is held, as `write` would have. */
function sendHeaders(response: ServerResponse): () => void {
  if (!response.headersSent) {
    response.writeHead(response.statusCode);
  }
  return () => undefined;
}

/**
 * Makes a response look sent and immutable until the returned function is called. Its headers are not actually
 * sent, because middleware that wraps `end` may still set some.
 */
function freeze(response: Held): () => void {
  const { statusCode } = response;
  response[HELD] = true;
  Object.defineProperties(response, SENT_PROPERTIES);
  const methods = response as unknown as Record<string, Method | undefined>;
  const known = Object.keys(REFUSING_METHODS).map((name) => [name, methods[name]] as const);
  for (const [name, method] of known) {
    if (method !== undefined) {
      methods[name] = REFUSING_METHODS[name];
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
