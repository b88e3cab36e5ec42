/** Sends what is in the spool, batch after batch, until it is empty; then waits for more. */
import { monotonic } from "../clock.js";
import { AuditrailError, reason } from "../errors.js";
import type { Spool, SpoolBatch } from "../spool/spool.js";
import { type Backoff, HURRIED_PAUSE_MS, verdict } from "./backoff.js";
import type { Ledger } from "./ledger.js";
import type { Settings } from "./options.js";
import type { Sent } from "./sender.js";

type Item = SpoolBatch["items"][number];

/** What a redelivery works with. */
export interface RedeliveryOptions {
  readonly spool: Spool;
  readonly ledger: Ledger;
  readonly settings: Settings;
  readonly backoff: Backoff;
  readonly send: (items: readonly Item[]) => Promise<Sent<Item>>;
}

/** The one reader of a spool. */
export class Redelivery {
  readonly #options: RedeliveryOptions;
  readonly #loop: Promise<void>;
  #over = false;
  #hurried = 0;
  /** Records that were appended. */
  #added = 0;
  /** About how many of these were not read yet; only a batch's becoming full depends on it. */
  #unread = 0;
  #wake: (() => void) | undefined;
  #firm = false;

  constructor(options: RedeliveryOptions) {
    this.#options = options;
    this.#loop = this.#run();
  }

  /** A record is in the spool. */
  added(): void {
    this.#added += 1;
    this.#unread += 1;
    if (this.#unread === 1 || this.#unread >= this.#options.settings.batchMaxRecords) {
      this.#wake?.();
    }
  }

  /** While hurried nothing lingers, and a pause that only we chose is cut short. */
  hurry(on: boolean): void {
    this.#hurried += on ? 1 : -1;
    if (on && !this.#firm) {
      this.#wake?.();
    }
  }

  /** Ends; the request under way must have been aborted. What is in the spool stays there. */
  async end(): Promise<void> {
    this.#over = true;
    this.#wake?.();
    await this.#loop;
  }

  async #run(): Promise<void> {
    while (!this.#over) {
      try {
        await this.#turn();
      } catch (error) {
        // The disk fails. Nothing is lost by trying again, and giving up would lose what is on it.
        const failure = AuditrailError.local("spool_failed", `cannot read the spool: ${reason(error)}`, error);
        await this.#pause(failure);
      }
    }
  }

  async #turn(): Promise<void> {
    const { spool, ledger, settings, backoff } = this.#options;
    const added = this.#added;
    const batch = await spool.read(settings.batchMaxRecords, settings.batchMaxBytes);
    if (batch === undefined) {
      await this.#idle(added);
      await this.#linger();
      return;
    }
    let rest: readonly Item[] = batch.items;
    while (rest.length > 0) {
      const sent = await this.#options.send(rest);
      this.#count(sent);
      rest = sent.unsent;
      if (sent.error === undefined) {
        backoff.reset();
        ledger.trouble(undefined);
      } else {
        await this.#pause(sent.error);
      }
      if (this.#over) {
        break;
      }
    }
    if (rest.length > 0) {
      return;
    }
    this.#unread = Math.max(0, this.#unread - batch.items.length);
    ledger.counters.quarantined += batch.quarantined;
    await spool.acknowledge(batch.next);
    ledger.changed();
  }

  #count(sent: Sent<Item>): void {
    const { ledger } = this.#options;
    const { counters } = ledger;
    counters.duplicates += sent.duplicates;
    counters.sent += sent.acknowledged.length - sent.duplicates;
    counters.redelivered += sent.acknowledged.filter((item) => item.recovered).length;
    sent.refused.forEach(({ item, error }) => ledger.refuseText(item.text, error));
    if (sent.unsent.length > 0 && sent.error?.code !== "aborted") {
      counters.retried += 1;
    }
    ledger.changed();
  }

  /** Waits for a record beyond those. That alone does not keep a process alive. */
  async #idle(added: number): Promise<void> {
    while (this.#added === added && !this.#over) {
      this.#unread = 0;
      await this.#sleep(undefined);
    }
  }

  /** Lets a batch become full. */
  async #linger(): Promise<void> {
    const { lingerMs, batchMaxRecords } = this.#options.settings;
    const end = monotonic() + lingerMs;
    while (this.#unread < batchMaxRecords && this.#hurried === 0 && !this.#over && monotonic() < end) {
      await this.#sleep(end - monotonic());
    }
  }

  async #pause(error: AuditrailError): Promise<void> {
    if (this.#over) {
      return;
    }
    const { ledger, backoff } = this.#options;
    ledger.trouble(error);
    this.#firm = error.retryAfter !== undefined || verdict(error) === "not_allowed";
    const pause = backoff.after(error);
    const end = monotonic() + (this.#hurried > 0 && !this.#firm ? Math.min(pause, HURRIED_PAUSE_MS) : pause);
    let hurried = this.#hurried;
    while (!this.#over && monotonic() < end) {
      await this.#sleep(end - monotonic());
      if (this.#hurried > hurried && !this.#firm) {
        break;
      }
      hurried = Math.min(hurried, this.#hurried);
    }
    this.#firm = false;
  }

  /** Sleeps so long, or until woken. */
  async #sleep(ms: number | undefined): Promise<void> {
    await new Promise<void>((resolve) => {
      // The records are on the disk. They need not keep the process from ending.
      const timer = ms === undefined ? undefined : setTimeout(resolve, Math.max(1, ms)).unref();
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }
}
