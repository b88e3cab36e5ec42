/** What the middleware reads from requests and responses of Node. */
import type { IncomingMessage, ServerResponse } from "node:http";

import { recordId } from "../clock.js";
import type { Outcome } from "./build.js";

/** Assigns the request id: that of the caller if it is printable ASCII without spaces, else a new one. */
export function assignRequestId(request: IncomingMessage, response: ServerResponse): string {
  const header = request.headers["x-request-id"];
  const isValid = typeof header === "string" && /^[\x21-\x7e]{1,200}$/.test(header);
  const id = isValid ? header : recordId();
  // Services further down should use the same id.
  request.headers["x-request-id"] = id;
  response.setHeader("x-request-id", id);
  return id;
}

/** Whether an HTTP/2 stream was reset; its response emits `finish` nevertheless. */
export function isReset(response: ServerResponse): boolean {
  return "stream" in response && (response.stream as { readonly aborted?: boolean } | undefined)?.aborted === true;
}

/** The outcome of a complete response. */
export function outcomeOfStatus(status: number): Outcome {
  if (status === 408 || status === 504) {
    return "timeout";
  }
  if (status >= 500) {
    return "error";
  }
  return status >= 400 ? "failure" : "success";
}
