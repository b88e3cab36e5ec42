/** The responses to requests that the policy refuses before the handler runs. */

const DETAILS = {
  /** The intent could not be written. */
  audit_unavailable: {
    status: 503,
    title: "Not available at the moment",
    detail: "this request must be recorded before it is handled, and recording failed; nothing was changed",
  },
  /** The path has several readings, which the policy refuses. */
  ambiguous_path: {
    status: 400,
    title: "Ambiguous path",
    detail:
      "servers may read this path in different ways; send it without dot segments, encoded or repeated slashes, backslashes and parameters",
  },
  /** The target is unknown, and the rule requires it. */
  audit_target_unknown: {
    status: 422,
    title: "Unknown target",
    detail:
      "this request must be recorded with its target, which it does not name in a form that can be read; nothing was changed",
  },
} as const;

/** Why a request is refused: the code of its response. */
export type Refusal = keyof typeof DETAILS;

/** A response as a problem document (RFC 9457), in the format of the service. */
export interface RefusalResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The response to a request that is refused. It may be repeated only if recording failed. */
export function refusal(code: Refusal, requestId: string): RefusalResponse {
  const { status, title, detail } = DETAILS[code];
  const problem = { type: `urn:auditrail:problem:${code}`, title, status, detail, code, request_id: requestId };
  const retryAfter: Readonly<Record<string, string>> = code === "audit_unavailable" ? { "retry-after": "1" } : {};
  return { status, headers: { "content-type": "application/problem+json", ...retryAfter }, body: JSON.stringify(problem) };
}
