/** How long to wait before the next try. */
import { chance } from "../clock.js";
import type { AuditrailError } from "../errors.js";

/** The longest wait that a `Retry-After` may ask for, in milliseconds. */
export const RETRY_AFTER_MAX_MS = 300_000;

/** The longest pause of our own choice while somebody waits for a flush, in milliseconds. */
export const HURRIED_PAUSE_MS = 1_000;

/** What an error means for the record that was sent. */
export type Verdict = "retry" | "refused" | "not_allowed";

/**
 * Sorts errors. A key that is not good may be renewed, so nothing is given up for it, except where the
 * key is good and the record is of another tenant: no renewal changes that.
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

/** Pauses that double, of which chance takes its share: full jitter. */
export class Backoff {
  readonly #baseMs: number;
  readonly #capMs: number;
  #tries = 0;

  constructor(baseMs: number, capMs: number) {
    this.#baseMs = baseMs;
    this.#capMs = capMs;
  }

  /** The pause after a failure, in milliseconds. */
  after(error: AuditrailError): number {
    if (verdict(error) === "not_allowed") {
      return this.#capMs * (0.5 + chance() / 2);
    }
    const most = Math.min(this.#capMs, this.#baseMs * 2 ** Math.min(this.#tries, 30));
    this.#tries += 1;
    const pause = most * chance();
    const asked = Math.min((error.retryAfter ?? 0) * 1_000, RETRY_AFTER_MAX_MS);
    // All callers were told the same moment; they should not come back in the same one.
    return asked > 0 ? asked + Math.min(pause, asked / 4) : pause;
  }

  /** It works again. */
  reset(): void {
    this.#tries = 0;
  }
}
