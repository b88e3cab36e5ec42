/** Classification of errors, and pauses between retries. */
import { random } from "../clock.js";
import type { AuditrailError } from "../errors.js";

/** Upper limit for `Retry-After` in milliseconds. */
export const RETRY_AFTER_MAX_MS = 300_000;

/** Upper limit of pauses during a flush, in milliseconds, except those that the service requested. */
export const FLUSH_PAUSE_MAX_MS = 1_000;

/** What an error means for the records of the request. */
export type Verdict = "retry" | "refused" | "not_allowed";

/**
 * Classifies an error. A rejected API key may be renewed, so records are kept for it. The exception is
 * a record of another tenant than the key's, which no renewal changes.
 */
export function verdict(error: AuditrailError): Verdict {
  if (error.code === "other_tenant") {
    return "refused";
  }
  switch (error.status) {
    case 401:
    case 403:
      return "not_allowed";
    case 400:
    case 409:
    case 413:
    case 415:
    case 422:
      return "refused";
    default:
      return "retry";
  }
}

/** Exponential backoff with full jitter. */
export class Backoff {
  readonly #baseMs: number;
  readonly #capMs: number;
  #attempts = 0;

  constructor(baseMs: number, capMs: number) {
    this.#baseMs = baseMs;
    this.#capMs = capMs;
  }

  /** The pause after a failed request, in milliseconds. */
  after(error: AuditrailError): number {
    if (verdict(error) === "not_allowed") {
      return this.#capMs * (0.5 + random() / 2);
    }
    const bound = Math.min(this.#capMs, this.#baseMs * 2 ** Math.min(this.#attempts, 30));
    this.#attempts += 1;
    const pause = bound * random();
    const retryAfterMs = Math.min((error.retryAfter ?? 0) * 1_000, RETRY_AFTER_MAX_MS);
    // All clients may have got the same `Retry-After`; jitter spreads their return.
    return retryAfterMs > 0 ? retryAfterMs + Math.min(pause, retryAfterMs / 4) : pause;
  }

  /** Starts over after a success. */
  reset(): void {
    this.#attempts = 0;
  }
}
