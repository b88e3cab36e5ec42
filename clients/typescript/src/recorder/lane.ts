/** A queue in memory and the requests that empty it. */
import { monotonic } from "../clock.js";
import { AuditrailError } from "../errors.js";
import { type Backoff, HURRIED_PAUSE_MS, verdict } from "./backoff.js";
import type { Ledger, Queued } from "./ledger.js";
import type { Sent } from "./sender.js";

/** How a lane behaves. */
export interface LaneOptions {
  readonly ledger: Ledger;
  readonly send: (items: readonly Queued[]) => Promise<Sent<Queued>>;
  /** Whether records are given up at their deadline or when the key is refused: those of `must`. */
  readonly impatient: boolean;
  /** Most requests at once. */
  readonly requests: number;
  readonly lingerMs: number;
  readonly batchMaxRecords: number;
  readonly batchMaxBytes: number;
  readonly backoff: Backoff;
}

/** How many given-up records may stay in a queue. */
const STALE_MAX = 500;

/** Records that wait, in the order they came; those that failed come first again. */
export class Lane {
  readonly #options: LaneOptions;
  #queue: Queued[] = [];
  #bytes = 0;
  readonly #runs = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  /** Nothing is sent before this moment. */
  #notBefore = 0;
  /** Whether that moment was asked for by the service, so that not even a flush may ignore it. */
  #firm = false;
  #lastError: AuditrailError | undefined;
  #hurried = 0;
  #soon = false;
  #over = false;
  /** About how many of the queue were given up; they are outside the bound, so they must not pile up. */
  #stale = 0;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  /** Adds a record. */
  push(item: Queued): void {
    if (this.#options.impatient && !this.#limit(item)) {
      return;
    }
    this.#queue.push(item);
    this.#bytes += item.bytes;
    if (!this.#soon) {
      // What the same turn of the event loop adds goes with it.
      this.#soon = true;
      setImmediate(() => {
        this.#soon = false;
        this.#kick();
      });
    }
  }

  /** While hurried nothing lingers, and a pause that only we chose is cut short. */
  hurry(on: boolean): void {
    this.#hurried += on ? 1 : -1;
    if (on) {
      this.#notBefore = this.#firm ? this.#notBefore : 0;
      this.#kick();
    }
  }

  /** Takes the oldest waiting record out, to make room for one that matters more. */
  displace(): Queued | undefined {
    const item = this.#queue.shift();
    this.#bytes -= item?.bytes ?? 0;
    return item;
  }

  /** Takes out everything that waits, and sends nothing more. */
  end(): Queued[] {
    clearTimeout(this.#timer);
    this.#over = true;
    this.#bytes = 0;
    return this.#queue.splice(0);
  }

  /** Resolves when no request is under way. */
  async ended(): Promise<void> {
    await Promise.all(this.#runs);
  }

  #kick(): void {
    clearTimeout(this.#timer);
    while (!this.#over && this.#queue.length > 0 && this.#runs.size < this.#options.requests) {
      const wait = this.#wait();
      if (wait > 0) {
        this.#timer = setTimeout(() => this.#kick(), wait);
        // A log that nobody waits for must not keep a process from ending while the service is gone.
        if (!this.#options.impatient && this.#lastError !== undefined) {
          this.#timer.unref();
        }
        return;
      }
      const batch = this.#take();
      if (batch.length > 0) {
        const run = this.#run(batch).finally(() => this.#runs.delete(run));
        this.#runs.add(run);
      }
    }
  }

  #wait(): number {
    const now = monotonic();
    const { lingerMs, batchMaxRecords, batchMaxBytes } = this.#options;
    const full = this.#queue.length >= batchMaxRecords || this.#bytes >= batchMaxBytes;
    const linger = full || this.#hurried > 0 ? 0 : (this.#queue[0]?.at ?? now) + lingerMs - now;
    return Math.max(linger, this.#notBefore - now);
  }

  #take(): Queued[] {
    const { batchMaxRecords, batchMaxBytes } = this.#options;
    let [size, bytes] = [0, 0];
    for (const item of this.#queue) {
      if (size === batchMaxRecords || (size > 0 && bytes + item.bytes > batchMaxBytes)) {
        break;
      }
      size += 1;
      bytes += item.bytes;
    }
    this.#bytes -= bytes;
    return this.#queue.splice(0, size).filter((item) => !item.settled);
  }

  async #run(batch: readonly Queued[]): Promise<void> {
    const { ledger, backoff, send } = this.#options;
    const sent = await send(batch);
    ledger.acknowledge(sent.acknowledged, sent.duplicates);
    sent.refused.forEach(({ item, error }) => ledger.refuse(item, error));
    this.#lastError = sent.error;
    if (sent.error === undefined) {
      backoff.reset();
      this.#notBefore = 0;
      this.#firm = false;
    } else {
      this.#failed(sent.unsent, sent.error);
    }
    if (sent.error?.code !== "aborted") {
      ledger.trouble(sent.error);
    }
    // Once this run is over.
    setImmediate(() => this.#kick());
  }

  #failed(unsent: readonly Queued[], error: AuditrailError): void {
    const { ledger, backoff, impatient } = this.#options;
    if (impatient && verdict(error) === "not_allowed") {
      unsent.forEach((item) => ledger.drop(item, "not_allowed", error));
      return;
    }
    if (this.#over) {
      unsent.forEach((item) => ledger.drop(item, "closed", closed()));
      return;
    }
    this.#firm = error.retryAfter !== undefined || verdict(error) === "not_allowed";
    const whole = backoff.after(error);
    const pause = this.#hurried > 0 && !this.#firm ? Math.min(whole, HURRIED_PAUSE_MS) : whole;
    this.#notBefore = Math.max(this.#notBefore, monotonic() + pause);
    const live = unsent.filter((item) => !item.settled);
    this.#queue.unshift(...live);
    this.#bytes += live.reduce((sum, item) => sum + item.bytes, 0);
    if (live.length > 0) {
      ledger.counters.retried += 1;
    }
    if (impatient) {
      // Whoever would be given up before the next try need not wait for that.
      this.#queue.filter((item) => item.deadline <= this.#notBefore).forEach((item) => this.#giveUp(item));
    }
  }

  /** Gives a `must` record up at its deadline; false, at once, when nothing will be tried before that. */
  #limit(item: Queued): boolean {
    if (this.#firm && item.deadline <= this.#notBefore) {
      this.#giveUp(item);
      return false;
    }
    const timer = setTimeout(() => this.#giveUp(item), item.deadline - monotonic());
    // The request that is under way, or the pause before the next, keeps the process alive.
    item.timer = timer.unref();
    return true;
  }

  #giveUp(item: Queued): void {
    const cause = this.#lastError;
    const why = cause === undefined ? "it did not answer in time" : cause.detail;
    const detail = `the service did not acknowledge the record, which may be written all the same: ${why}`;
    const error = new AuditrailError({
      code: "not_acknowledged",
      detail,
      cause,
      status: cause?.status,
      requestId: cause?.requestId,
      retryAfter: cause?.retryAfter,
    });
    this.#options.ledger.drop(item, "not_acknowledged", error);
    this.#stale += 1;
    if (this.#stale >= STALE_MAX) {
      this.#stale = 0;
      this.#queue = this.#queue.filter((waiting) => !waiting.settled);
      this.#bytes = this.#queue.reduce((sum, waiting) => sum + waiting.bytes, 0);
    }
  }
}

/** What records hear that were still waiting when the recorder was closed. */
export function closed(): AuditrailError {
  return AuditrailError.local("closed", "the recorder was closed before the record was acknowledged");
}
