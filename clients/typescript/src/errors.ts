/** The one error of this package. */
import type { FieldError } from "./types.js";

/**
 * What went wrong, to match on. Codes of the service are passed on as they are; these are ours:
 *
 * | code | what to do |
 * |---|---|
 * | `invalid_option`, `no_key`, `bad_key` | mend the configuration |
 * | `unreachable`, `timeout` | nothing is known about a write; repeat it with the same id |
 * | `bad_answer` | what answered is no Auditrail service, or one of a later version |
 * | `aborted` | your signal ended it |
 * | `incomplete_export` | the export broke off, or is not what its manifest says; repeat it |
 * | `queue_full`, `spool_full` | the service is behind or gone; slow down, or refuse the work |
 * | `spool_failed` | the disk of the spool fails |
 * | `spool_locked` | another process uses the spool directory; give each its own |
 * | `no_spool` | the policy `spool` needs a spool directory |
 * | `not_acknowledged` | a `must` record was not acknowledged in time; it may be written all the same |
 * | `too_large` | make the record smaller |
 * | `not_json` | the record holds what JSON cannot |
 * | `closed` | the recorder was closed |
 * | `invalid_policy` | mend the policy file |
 * | `not_covered` | give the named routes a rule |
 */
export interface ErrorFields {
  /** What went wrong, to match on. */
  readonly code: string;
  /** What went wrong this time, for people. */
  readonly detail: string;
  /** The HTTP status, when there was an answer. */
  readonly status?: number | undefined;
  /** Every wrong field. */
  readonly errors?: readonly FieldError[] | undefined;
  /** The id of the request, which the log of the service has too. */
  readonly requestId?: string | undefined;
  /** How many seconds to wait before trying again, when the service said so. */
  readonly retryAfter?: number | undefined;
  /** What caused it. */
  readonly cause?: unknown;
}

/** What went wrong. The API key is never a part of it. */
export class AuditrailError extends Error implements ErrorFields {
  override readonly name = "AuditrailError";
  readonly code: string;
  readonly detail: string;
  readonly status: number | undefined;
  readonly errors: readonly FieldError[];
  readonly requestId: string | undefined;
  readonly retryAfter: number | undefined;

  constructor(fields: ErrorFields) {
    const { code, detail, status, errors = [], requestId, retryAfter, cause } = fields;
    const which = errors.slice(0, 5).map((error) => `${error.pointer || "/"}: ${error.detail}`);
    const more = which.length > 0 ? ` (${which.join("; ")})` : "";
    super(`${code}: ${detail}${more}`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.detail = detail;
    this.status = status;
    this.errors = errors;
    this.requestId = requestId;
    this.retryAfter = retryAfter;
  }

  /** Makes an error that has no answer of the service behind it. */
  static local(code: string, detail: string, cause?: unknown): AuditrailError {
    return new AuditrailError({ code, detail, cause });
  }
}

/** What an unknown thrown value says. */
export function reason(thrown: unknown): string {
  if (!(thrown instanceof Error)) {
    return String(thrown);
  }
  return thrown.message || systemCode(thrown) || thrown.name;
}

/** The code of a system error, such as `ENOSPC`. */
export function systemCode(thrown: unknown): string | undefined {
  if (thrown instanceof Error && "code" in thrown && typeof thrown.code === "string") {
    return thrown.code;
  }
  return undefined;
}
