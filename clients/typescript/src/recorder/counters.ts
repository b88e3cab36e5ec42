/** The counters of a recorder. */
import type { DropReason } from "./options.js";

/**
 * Counters since the recorder was opened. They account for every record: `accepted + recovered = sent +
 * duplicates + refused + all dropped + quarantined + pending`.
 */
export interface RecorderStats {
  /** Records passed to `record`. */
  readonly accepted: number;
  /** Records that were in the spool when it was opened. */
  readonly recovered: number;
  /** Records that the service stored. */
  readonly sent: number;
  /** Records that the service had stored already, by an earlier attempt. */
  readonly duplicates: number;
  /** Records written to the spool. */
  readonly spooled: number;
  /** Recovered records that were delivered; included in `sent` and `duplicates`. */
  readonly redelivered: number;
  /** Requests that failed and were repeated. */
  readonly retried: number;
  /** Records that are invalid or that the service permanently rejected. */
  readonly refused: number;
  /** The same by error code. */
  readonly refusedBy: Readonly<Record<string, number>>;
  /** Refused records that were appended to `refused.ndjson`. */
  readonly deadLetters: number;
  /** Refused records that were not appended: the file was at its limit, or the disk failed. */
  readonly deadLettersDropped: number;
  /** Dropped records by reason. */
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>;
  /** Damaged lines of the spool, which were moved to the quarantine file. */
  readonly quarantined: number;
  /** Records in memory or in the spool that are neither delivered nor failed. */
  readonly pending: number;
  /**
   * Incomplete last lines that were truncated when the spool was opened; their records were never
   * reported as spooled.
   */
  readonly torn: number;
  /** Bytes of the spool on disk. */
  readonly spoolBytes: number;
  /** Callbacks that threw. */
  readonly callbackErrors: number;
}

/** The mutable counters. */
export class Counters {
  accepted = 0;
  recovered = 0;
  sent = 0;
  duplicates = 0;
  spooled = 0;
  redelivered = 0;
  retried = 0;
  refused = 0;
  deadLetters = 0;
  deadLettersDropped = 0;
  quarantined = 0;
  callbackErrors = 0;
  readonly refusedBy: Record<string, number> = {};
  readonly dropped: Partial<Record<DropReason, number>> = {};

  drop(reason: DropReason): void {
    this.dropped[reason] = (this.dropped[reason] ?? 0) + 1;
  }

  refuse(code: string): void {
    this.refused += 1;
    this.refusedBy[code] = (this.refusedBy[code] ?? 0) + 1;
  }

  /** Records that the service has. */
  get delivered(): number {
    return this.sent + this.duplicates;
  }

  /** Records that will not be delivered. */
  get failed(): number {
    const dropped = Object.values(this.dropped).reduce((sum, count) => sum + count, 0);
    return dropped + this.refused + this.quarantined;
  }

  /** Records that are neither delivered nor failed. */
  get pending(): number {
    return this.accepted + this.recovered - this.delivered - this.failed;
  }

  snapshot(spoolBytes: number, torn: number): RecorderStats {
    return {
      accepted: this.accepted,
      recovered: this.recovered,
      sent: this.sent,
      duplicates: this.duplicates,
      spooled: this.spooled,
      redelivered: this.redelivered,
      retried: this.retried,
      refused: this.refused,
      refusedBy: { ...this.refusedBy },
      deadLetters: this.deadLetters,
      deadLettersDropped: this.deadLettersDropped,
      dropped: { ...this.dropped },
      quarantined: this.quarantined,
      pending: Math.max(0, this.pending),
      torn,
      spoolBytes,
      callbackErrors: this.callbackErrors,
    };
  }
}
