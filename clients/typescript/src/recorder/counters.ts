/** What became of every record. */
import type { DropReason } from "./options.js";

/**
 * Counts since the recorder was opened. Nothing is dropped silently:
 * `accepted + recovered = sent + duplicates + refused + all dropped + quarantined + pending`.
 */
export interface RecorderStats {
  /** Records given to `record`. */
  readonly accepted: number;
  /** Records found in the spool when it was opened. */
  readonly recovered: number;
  /** Records the service wrote. */
  readonly sent: number;
  /** Records the service had already: an earlier try took hold. */
  readonly duplicates: number;
  /** Records made durable in the spool. */
  readonly spooled: number;
  /** Of those sent and duplicates, the ones found in the spool when it was opened. */
  readonly redelivered: number;
  /** Requests that were repeated. */
  readonly retried: number;
  /** Records the service refused for good. */
  readonly refused: number;
  /** The same by the code of the error. */
  readonly refusedBy: Readonly<Record<string, number>>;
  /** Records given up, by reason. */
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>;
  /** Lines of the spool that were damaged and put aside. */
  readonly quarantined: number;
  /** Records in memory or in the spool that are not settled yet. */
  readonly pending: number;
  /** Torn last lines that were cut off when the spool was opened; nobody was told they were safe. */
  readonly torn: number;
  /** Bytes of the spool on disk. */
  readonly spoolBytes: number;
  /** Callbacks that threw. */
  readonly callbackErrors: number;
}

/** The numbers while they grow. */
export class Counters {
  accepted = 0;
  recovered = 0;
  sent = 0;
  duplicates = 0;
  spooled = 0;
  redelivered = 0;
  retried = 0;
  refused = 0;
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

  /** Records that reached the service. */
  get delivered(): number {
    return this.sent + this.duplicates;
  }

  /** Records that will not reach it any more. */
  get failed(): number {
    const dropped = Object.values(this.dropped).reduce((sum, count) => sum + count, 0);
    return dropped + this.refused + this.quarantined;
  }

  /** Records that were taken on and are not settled. */
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
      dropped: { ...this.dropped },
      quarantined: this.quarantined,
      pending: Math.max(0, this.pending),
      torn,
      spoolBytes,
      callbackErrors: this.callbackErrors,
    };
  }
}
