/** Capture of request and response bodies: JSON of at most 64 KiB; other bodies count as absent. */
import type { IncomingMessage, ServerResponse } from "node:http";

import { parseExactly } from "../exact-json.js";

/** Maximum bytes of a captured body. */
const BODY_MAX_BYTES = 64 * 1024;
/** Maximum length of a request whose parsed body is measured: it may consist of blanks. */
const MEASURED_MAX_BYTES = 1024 * 1024;
/** As decoded. */
const BYTE_ORDER_MARK = "\ufeff";

/**
 * The body of a request as an object or array, if it is within the limit.
 *
 * `parsed` is what the framework has made of it: the same that the handler gets, also of a form. The caller chooses
 * the content type, so a body that the framework left as text or bytes is parsed whatever its type.
 */
export function requestBody(request: IncomingMessage, parsed: unknown): unknown {
  if (typeof parsed === "string" || parsed instanceof Uint8Array) {
    return parsed.length <= BODY_MAX_BYTES ? parse(typeof parsed === "string" ? parsed : decode(parsed)) : undefined;
  }
  if (typeof parsed !== "object" || parsed === null) {
    return undefined;
  }
  const length = isEncoded(request) ? undefined : request.headers["content-length"];
  if (length !== undefined && Number(length) <= BODY_MAX_BYTES) {
    return parsed;
  }
  const isTooLong = length !== undefined && Number(length) > MEASURED_MAX_BYTES;
  return !isTooLong && size(parsed) <= BODY_MAX_BYTES ? parsed : undefined;
}

/** Whether the length of a request says little about that of its body. */
function isEncoded(request: IncomingMessage): boolean {
  const codings = (request.headers["content-encoding"] ?? "").split(",").map((coding) => coding.trim().toLowerCase());
  return codings.some((coding) => coding !== "" && coding !== "identity");
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
    return json && bytes <= BODY_MAX_BYTES ? parse(decode(Buffer.concat(chunks))) : undefined;
  };
}

function isJson(type: string | undefined): boolean {
  return /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(type ?? "");
}

function decode(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}

/** Parses an object or array, after a byte order mark. */
function parse(text: string): unknown {
  try {
    const value = parseExactly(text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text);
    return typeof value === "object" && value !== null ? value : undefined;
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
