/** The answer to a request that must be recorded and could not be. */

/** What is answered when the intent could not be written. */
export function refusal(requestId: string): { readonly status: number; readonly type: string; readonly body: string } {
  const body = {
    type: "urn:auditrail:problem:audit_unavailable",
    title: "Not available at the moment",
    status: 503,
    detail: "this request must be recorded before it is done, and it could not be; nothing was done",
    code: "audit_unavailable",
    request_id: requestId,
  };
  return { status: 503, type: "application/problem+json", body: JSON.stringify(body) };
}

/** After how many seconds the caller of a refused request may try again. */
export const REFUSAL_RETRY_AFTER = 1;
