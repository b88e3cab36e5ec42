/** The error type of this package. */
import type { FieldError } from "./types.js";

/**
 * Fields of an error. Error codes of the service are passed through; these are the client's own:
 *
 * | code | what to do |
 * |---|---|
 * | `invalid_option`, `no_key`, `bad_key` | fix the configuration |
 * | `unreachable`, `timeout` | a write may have been applied; retry it with the same id |
 * | `bad_answer` | the server may be a proxy or a later version of the service |
 * | `aborted` | the call's signal was aborted |
 * | `position_unknown` (of the service) | the log was restored to an earlier state; continue from an earlier position |
 * | `incomplete_export` | the export was truncated or does not match its manifest; repeat it |
 * | `queue_full`, `spool_full` | the service is slow or unreachable; slow down, or reject work |
 * | `spool_failed` | the spool had an I/O error; check the disk |
 * | `spool_locked` | another process uses the spool directory; give each process its own |
 * | `spool_unsafe` | another user could have written to the spool directory; see the rules in the README |
 * | `no_spool` | the policy `spool` needs a spool directory |
 * | `not_acknowledged` | a `must` record was not acknowledged in time; it may have been stored, retry it with the same id |
 * | `not_json` | the record cannot be encoded as JSON |
 * | codes of fields, such as `required`, `too_long` or `in_future` | the record is invalid; see `errors` |
 * | `closed` | the recorder was closed |
 * | `invalid_policy` | fix the policy file |
 * | `not_covered` | add rules for the named routes |
 */
export interface ErrorFields {
  /** Stable error code. */
  readonly code: string;
  /** Human-readable explanation. */
  readonly detail: string;
  /** HTTP status of the error response, if there was one. */
  readonly status?: number | undefined;
  /** The invalid fields or parameters. */
  readonly errors?: readonly FieldError[] | undefined;
  /** The request id, which the service logs too. */
  readonly requestId?: string | undefined;
  /** The value of `Retry-After` in seconds. */
  readonly retryAfter?: number | undefined;
  /** The underlying error. */
  readonly cause?: unknown;
}

/** Marks the errors of every copy of this package in a process, as bundlers create them. */
const BRAND = Symbol.for("auditrail.error");

/**
 * An error of the client, the recorder or a policy. It never contains the API key.
 *
 * `instanceof AuditrailError` also recognizes the errors of another copy of this package.
 */
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
    Object.defineProperty(this, BRAND, { value: true });
    this.code = code;
    this.detail = detail;
    this.status = status;
    this.errors = errors;
    this.requestId = requestId;
    this.retryAfter = retryAfter;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    // Subclasses have no brand of their own.
    return this === AuditrailError
      ? typeof value === "object" && value !== null && BRAND in value
      : Function.prototype[Symbol.hasInstance].call(this, value);
  }

  /** Creates an error without a response of the service. */
  static local(code: string, detail: string, cause?: unknown): AuditrailError {
    return new AuditrailError({ code, detail, cause });
  }
}

/** The message of a thrown value. */
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
