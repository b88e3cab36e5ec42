/** The response to a request with `must` whose intent could not be written. */

/** The response when the intent could not be written. */
export function refusal(requestId: string): { readonly status: number; readonly type: string; readonly body: string } {
  const body = {
    type: "urn:auditrail:problem:audit_unavailable",
    title: "Not available at the moment",
    status: 503,
    detail: "this request must be recorded before it is handled, and recording failed; nothing was changed",
    code: "audit_unavailable",
    request_id: requestId,
  };
  return { status: 503, type: "application/problem+json", body: JSON.stringify(body) };
}

/** `Retry-After` of a refused request, in seconds. */
export const REFUSAL_RETRY_AFTER = 1;
