/** Delivers the records in the spool, batch by batch, and waits for more when it is empty. */
import { monotonic } from "../clock.js";
import { AuditrailError, reason } from "../errors.js";
import type { Spool, SpoolBatch } from "../spool/spool.js";
import { type Backoff, FLUSH_PAUSE_MAX_MS, verdict } from "./backoff.js";
import type { Ledger } from "./ledger.js";
import type { Settings } from "./options.js";
import type { BatchResult } from "./sender.js";

type Item = SpoolBatch["items"][number];

/** Dependencies of a redelivery. */
export interface RedeliveryOptions {
  readonly spool: Spool;
  readonly ledger: Ledger;
  readonly settings: Settings;
  readonly backoff: Backoff;
  readonly sendBatch: (items: readonly Item[]) => Promise<BatchResult<Item>>;
}

/** The only reader of a spool. */
export class Redelivery {
  readonly #options: RedeliveryOptions;
  readonly #loop: Promise<void>;
  #isStopped = false;
  #expedited = 0;
  /** Number of records appended so far. */
  #added = 0;
  /** Approximate number of appended records not read yet; used only to decide whether a batch is full. */
  #unread = 0;
  #wake: (() => void) | undefined;
  #mandatory = false;

  constructor(options: RedeliveryOptions) {
    this.#options = options;
    this.#loop = this.#run();
  }

  /** Signals that a record was appended to the spool. */
  added(): void {
    this.#added += 1;
    this.#unread += 1;
    if (this.#unread === 1 || this.#unread >= this.#options.settings.batchMaxRecords) {
      this.#wake?.();
    }
  }

  /** While expedited, batches do not linger, and pauses end unless the service requested them. */
  expedite(on: boolean): void {
    this.#expedited += on ? 1 : -1;
    if (on && !this.#mandatory) {
      this.#wake?.();
    }
  }

  /** Stops, after the request in flight has been aborted. Undelivered records stay in the spool. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#wake?.();
    await this.#loop;
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      try {
        await this.#deliverBatch();
      } catch (error) {
        // Retried forever: giving up would leave the records undelivered.
        const failure = AuditrailError.local("spool_failed", `cannot read the spool: ${reason(error)}`, error);
        await this.#pause(failure);
      }
    }
  }

  async #deliverBatch(): Promise<void> {
    const { spool, ledger, settings, backoff } = this.#options;
    const added = this.#added;
    const batch = await spool.read(settings.batchMaxRecords, settings.batchMaxBytes);
    if (batch === undefined) {
      await this.#waitForRecord(added);
      await this.#waitForFullBatch();
      return;
    }
    let rest: readonly Item[] = batch.items;
    while (rest.length > 0) {
      const result = await this.#options.sendBatch(rest);
      this.#count(result);
      rest = result.unsent;
      if (result.error === undefined) {
        backoff.reset();
        ledger.reportDelivery(undefined);
      } else {
        await this.#pause(result.error);
      }
      if (this.#isStopped) {
        break;
      }
    }
    if (rest.length > 0) {
      return;
    }
    this.#unread = Math.max(0, this.#unread - batch.items.length);
    ledger.counters.quarantined += batch.quarantined;
    await ledger.deadLettersWritten();
    await spool.acknowledge(batch.next);
    ledger.changed();
  }

  #count(result: BatchResult<Item>): void {
    const { ledger } = this.#options;
    const { counters } = ledger;
    counters.duplicates += result.duplicates;
    counters.sent += result.acknowledged.length - result.duplicates;
    counters.redelivered += result.acknowledged.filter((item) => item.recovered).length;
    result.refused.forEach(({ item, error }) => ledger.refuseText(item.text, error));
    if (result.unsent.length > 0 && result.error?.code !== "aborted") {
      counters.retried += 1;
    }
    ledger.changed();
  }

  /** Waits for a record after the first `added`. This does not keep the process alive. */
  async #waitForRecord(added: number): Promise<void> {
    while (this.#added === added && !this.#isStopped) {
      this.#unread = 0;
      await this.#sleep(undefined);
    }
  }

  /** Waits until a batch is full, `lingerMs` has passed, or a flush is requested. */
  async #waitForFullBatch(): Promise<void> {
    const { lingerMs, batchMaxRecords } = this.#options.settings;
    const end = monotonic() + lingerMs;
    while (this.#unread < batchMaxRecords && this.#expedited === 0 && !this.#isStopped && monotonic() < end) {
      await this.#sleep(end - monotonic());
    }
  }

  async #pause(error: AuditrailError): Promise<void> {
    if (this.#isStopped) {
      return;
    }
    const { ledger, backoff } = this.#options;
    ledger.reportDelivery(error);
    this.#mandatory = error.retryAfter !== undefined || verdict(error) === "not_allowed";
    const pause = backoff.after(error);
    const end = monotonic() + (this.#expedited > 0 && !this.#mandatory ? Math.min(pause, FLUSH_PAUSE_MAX_MS) : pause);
    let expedited = this.#expedited;
    while (!this.#isStopped && monotonic() < end) {
      await this.#sleep(end - monotonic());
      if (this.#expedited > expedited && !this.#mandatory) {
        break;
      }
      expedited = Math.min(expedited, this.#expedited);
    }
    this.#mandatory = false;
  }

  /** Sleeps for `ms` or until woken. */
  async #sleep(ms: number | undefined): Promise<void> {
    await new Promise<void>((resolve) => {
      // The records are durable, so they need not keep the process alive.
      const timer = ms === undefined ? undefined : setTimeout(resolve, Math.max(1, ms)).unref();
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }
}
