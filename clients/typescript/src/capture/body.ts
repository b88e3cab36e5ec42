/** Looking at bodies: JSON of at most 64 KiB, everything else counts as absent. */
import type { IncomingMessage, ServerResponse } from "node:http";

/** Most bytes of a body that is looked at. */
const BODY_MAX_BYTES = 64 * 1024;

/** What a framework made of a request's body, when it is one to look at. */
export function requestBody(request: IncomingMessage, parsed: unknown): unknown {
  if (!isJson(request.headers["content-type"]) || typeof parsed !== "object" || parsed === null) {
    return undefined;
  }
  const said = request.headers["content-length"];
  if (said !== undefined && request.headers["content-encoding"] === undefined) {
    return Number(said) <= BODY_MAX_BYTES ? parsed : undefined;
  }
  return size(parsed) <= BODY_MAX_BYTES ? parsed : undefined;
}

/** Watches what is sent; the function tells what it was. */
export function tap(response: ServerResponse): () => unknown {
  let chunks: Buffer[] = [];
  let bytes = 0;
  let ended = false;
  const collect = (chunk: unknown, encoding: unknown): void => {
    if (ended || bytes > BODY_MAX_BYTES || (typeof chunk !== "string" && !(chunk instanceof Uint8Array))) {
      return;
    }
    const known = typeof encoding === "string" && Buffer.isEncoding(encoding) ? encoding : "utf8";
    const part = typeof chunk === "string" ? Buffer.from(chunk, known) : Buffer.from(chunk);
    bytes += part.length;
    chunks.push(part);
    if (bytes > BODY_MAX_BYTES) {
      chunks = [];
    }
  };
  type Method = (...args: unknown[]) => unknown;
  const watched = (method: Method, last: boolean): Method => {
    return (...args) => {
      collect(args[0], args[1]);
      // What comes after the end is not sent.
      ended ||= last;
      return method(...args);
    };
  };
  response.write = watched(response.write.bind(response) as Method, false) as typeof response.write;
  // Node's own `end` does not go through `write`.
  response.end = watched(response.end.bind(response) as Method, true) as typeof response.end;
  return () => {
    // Where something before us compresses, the header says so although we saw the plain text. What was
    // compressed when it came here does not parse.
    const json = isJson(String(response.getHeader("content-type") ?? ""));
    return json && bytes <= BODY_MAX_BYTES ? parse(Buffer.concat(chunks)) : undefined;
  };
}

function isJson(type: string | undefined): boolean {
  return /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(type ?? "");
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return undefined;
  }
}

function size(value: object): number {
  try {
    return Buffer.byteLength(JSON.stringify(value));
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
