/** Capture of request and response bodies: JSON of at most 64 KiB; other bodies count as absent. */
import { parseExactly } from "../exact-json.js";
import type { IncomingMessage, ServerResponse } from "node:http";

/** Maximum bytes of a captured body. */
const BODY_MAX_BYTES = 64 * 1024;

/** The parsed body of a request, if it is JSON within the limit. */
export function requestBody(request: IncomingMessage, parsed: unknown): unknown {
  if (!isJson(request.headers["content-type"]) || typeof parsed !== "object" || parsed === null) {
    return undefined;
  }
  const length = request.headers["content-length"];
  if (length !== undefined && request.headers["content-encoding"] === undefined) {
    return Number(length) <= BODY_MAX_BYTES ? parsed : undefined;
  }
  return size(parsed) <= BODY_MAX_BYTES ? parsed : undefined;
}

/** Captures the body of a response; the returned function parses it. */
export function captureBody(response: ServerResponse): () => unknown {
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
  const capturing = (method: Method, isEnd: boolean): Method => {
    return (...args) => {
      collect(args[0], args[1]);
      // Chunks after the end are not sent.
      ended ||= isEnd;
      return method(...args);
    };
  };
  response.write = capturing(response.write.bind(response) as Method, false) as typeof response.write;
  // Node's `end` does not call `write`.
  response.end = capturing(response.end.bind(response) as Method, true) as typeof response.end;
  return () => {
    // Middleware mounted before this one may compress: the header says so, but the chunks here are
    // plain. A body that is compressed here fails to parse.
    const json = isJson(String(response.getHeader("content-type") ?? ""));
    return json && bytes <= BODY_MAX_BYTES ? parse(Buffer.concat(chunks)) : undefined;
  };
}

function isJson(type: string | undefined): boolean {
  return /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(type ?? "");
}

function parse(bytes: Buffer): unknown {
  try {
    return parseExactly(bytes.toString("utf8"));
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
