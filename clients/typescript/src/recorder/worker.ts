/** The workers that send the records queued in memory. */
import { monotonic } from "../clock.js";
import { AuditrailError } from "../errors.js";
import { type Backoff, FLUSH_PAUSE_MAX_MS, verdict } from "./backoff.js";
import type { Ledger, Queued } from "./ledger.js";
import type { BatchResult } from "./sender.js";

/** Configuration of a worker. */
export interface WorkerOptions {
  readonly ledger: Ledger;
  readonly sendBatch: (items: readonly Queued[]) => Promise<BatchResult<Queued>>;
  /** Whether records fail at their deadline or when the API key is rejected: the policy `must`. */
  readonly hasDeadlines: boolean;
  /** Maximum concurrent requests. */
  readonly requests: number;
  readonly lingerMs: number;
  readonly batchMaxRecords: number;
  readonly batchMaxBytes: number;
  readonly backoff: Backoff;
}

/** Maximum number of settled records in a queue before it is compacted. */
const SETTLED_MAX = 500;

/** Sends its queue in insertion order. Records of failed requests go first again. */
export class Worker {
  readonly #options: WorkerOptions;
  #queue: Queued[] = [];
  #bytes = 0;
  readonly #inFlight = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  /** End of the pause after a failure. */
  #notBefore = 0;
  /** Whether the service requested the pause, so that a flush must not shorten it. */
  #mandatory = false;
  #lastError: AuditrailError | undefined;
  #expedited = 0;
  #isScheduled = false;
  #isStopped = false;
  /**
   * Approximate number of settled records in the queue. They do not count against the limit, so they
   * must not accumulate.
   */
  #settled = 0;

  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  /** Adds a record. */
  push(item: Queued): void {
    if (this.#options.hasDeadlines && !this.#startTimer(item)) {
      return;
    }
    this.#queue.push(item);
    this.#bytes += item.bytes;
    if (!this.#isScheduled) {
      // Records added in the same turn of the event loop share a batch.
      this.#isScheduled = true;
      setImmediate(() => {
        this.#isScheduled = false;
        this.#sendDue();
      });
    }
  }

  /** While expedited, batches do not linger, and pauses end unless the service requested them. */
  expedite(on: boolean): void {
    this.#expedited += on ? 1 : -1;
    if (on) {
      this.#notBefore = this.#mandatory ? this.#notBefore : 0;
      this.#sendDue();
    }
  }

  /** Removes the oldest queued record. */
  evictOldest(): Queued | undefined {
    const item = this.#queue.shift();
    this.#bytes -= item?.bytes ?? 0;
    return item;
  }

  /** Stops sending; returns the queued records. */
  stop(): Queued[] {
    clearTimeout(this.#timer);
    this.#isStopped = true;
    this.#bytes = 0;
    return this.#queue.splice(0);
  }

  /** Resolves when no request is in flight. */
  async idle(): Promise<void> {
    await Promise.all(this.#inFlight);
  }

  #sendDue(): void {
    clearTimeout(this.#timer);
    while (!this.#isStopped && this.#queue.length > 0 && this.#inFlight.size < this.#options.requests) {
      const pause = this.#pause();
      if (pause > 0) {
        this.#timer = setTimeout(() => this.#sendDue(), pause);
        // Retries of `best_effort` must not keep the process alive while the service is unreachable.
        if (!this.#options.hasDeadlines && this.#lastError !== undefined) {
          this.#timer.unref();
        }
        return;
      }
      const batch = this.#nextBatch();
      if (batch.length > 0) {
        const request = this.#send(batch).finally(() => this.#inFlight.delete(request));
        this.#inFlight.add(request);
      }
    }
  }

  #pause(): number {
    const now = monotonic();
    const { lingerMs, batchMaxRecords, batchMaxBytes } = this.#options;
    const isFull = this.#queue.length >= batchMaxRecords || this.#bytes >= batchMaxBytes;
    const linger = isFull || this.#expedited > 0 ? 0 : (this.#queue[0]?.at ?? now) + lingerMs - now;
    return Math.max(linger, this.#notBefore - now);
  }

  #nextBatch(): Queued[] {
    const { batchMaxRecords, batchMaxBytes } = this.#options;
    let size = 0;
    let bytes = 0;
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

  async #send(batch: readonly Queued[]): Promise<void> {
    const { ledger, backoff, sendBatch } = this.#options;
    const result = await sendBatch(batch);
    ledger.acknowledge(result.acknowledged, result.duplicates);
    result.refused.forEach(({ item, error }) => ledger.refuse(item, error));
    this.#lastError = result.error;
    if (result.error === undefined) {
      backoff.reset();
      this.#notBefore = 0;
      this.#mandatory = false;
    } else {
      this.#retryLater(result.unsent, result.error);
    }
    if (result.error?.code !== "aborted") {
      ledger.reportDelivery(result.error);
    }
    // After this request is removed from `#inFlight`.
    setImmediate(() => this.#sendDue());
  }

  #retryLater(unsent: readonly Queued[], error: AuditrailError): void {
    const { ledger, backoff, hasDeadlines } = this.#options;
    if (hasDeadlines && verdict(error) === "not_allowed") {
      unsent.forEach((item) => ledger.drop(item, "not_allowed", error));
      return;
    }
    if (this.#isStopped) {
      unsent.forEach((item) => ledger.drop(item, "closed", closedError()));
      return;
    }
    this.#mandatory = error.retryAfter !== undefined || verdict(error) === "not_allowed";
    const fullPause = backoff.after(error);
    const pause = this.#expedited > 0 && !this.#mandatory ? Math.min(fullPause, FLUSH_PAUSE_MAX_MS) : fullPause;
    this.#notBefore = Math.max(this.#notBefore, monotonic() + pause);
    const unsettled = unsent.filter((item) => !item.settled);
    this.#queue.unshift(...unsettled);
    this.#bytes += unsettled.reduce((sum, item) => sum + item.bytes, 0);
    if (unsettled.length > 0) {
      ledger.counters.retried += 1;
    }
    if (hasDeadlines) {
      // Records whose deadline is before the next attempt fail now.
      this.#queue.filter((item) => item.deadline <= this.#notBefore).forEach((item) => this.#expire(item));
    }
  }

  /**
   * Sets the timer for the deadline; false if the record failed at once, because no attempt will be
   * made before.
   */
  #startTimer(item: Queued): boolean {
    if (this.#mandatory && item.deadline <= this.#notBefore) {
      this.#expire(item);
      return false;
    }
    const timer = setTimeout(() => this.#expire(item), item.deadline - monotonic());
    // The request in flight, or the pause before the next, keeps the process alive.
    item.timer = timer.unref();
    return true;
  }

  #expire(item: Queued): void {
    const cause = this.#lastError;
    const reason = cause === undefined ? "it did not respond in time" : cause.detail;
    const detail = `the service did not acknowledge the record in time, which may have been stored: ${reason}`;
    const error = new AuditrailError({
      code: "not_acknowledged",
      detail,
      cause,
      status: cause?.status,
      requestId: cause?.requestId,
      retryAfter: cause?.retryAfter,
    });
    this.#options.ledger.drop(item, "not_acknowledged", error);
    this.#settled += 1;
    if (this.#settled >= SETTLED_MAX) {
      this.#settled = 0;
      this.#queue = this.#queue.filter((queued) => !queued.settled);
      this.#bytes = this.#queue.reduce((sum, queued) => sum + queued.bytes, 0);
    }
  }
}

/** The error of records that were pending when the recorder was closed. */
export function closedError(): AuditrailError {
  return AuditrailError.local("closed", "the recorder was closed before the record was acknowledged");
}
