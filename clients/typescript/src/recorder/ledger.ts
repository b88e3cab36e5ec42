/** Takes records on, settles each exactly once, and counts. */
import { monotonic, TIMER_MAX_MS } from "../clock.js";
import type { AuditrailError } from "../errors.js";
import type { RecordInput } from "../types.js";
import { Counters } from "./counters.js";
import type { DropReason, Prepared, RecorderOptions, Settings } from "./options.js";

/** A record in memory. */
export interface Queued extends Prepared {
  /** What it takes of the bound. */
  readonly bytes: number;
  /** When it came, on the monotonic clock. */
  readonly at: number;
  /** When it is given up, on the monotonic clock; only for `must`. */
  readonly deadline: number;
  /** Set once it is known what became of it. */
  settled: boolean;
  /** Gives it up at its deadline. */
  timer: NodeJS.Timeout | undefined;
  /** Tells the caller, where one waits. */
  readonly done: ((result: AuditrailError | "acknowledged" | "spooled") => void) | undefined;
}

type Callbacks = Pick<RecorderOptions, "onRefused" | "onDropped" | "onTrouble">;

/** The bound on what is in memory, the counts, and those who wait for the end. */
export class Ledger {
  readonly counters = new Counters();
  readonly #callbacks: Callbacks;
  readonly #maxRecords: number;
  readonly #maxBytes: number;
  #records = 0;
  #bytes = 0;
  #failing = false;
  #waiting: (() => void)[] = [];

  constructor(settings: Settings, callbacks: Callbacks) {
    this.#maxRecords = settings.queueMaxRecords;
    this.#maxBytes = settings.queueMaxBytes;
    this.#callbacks = callbacks;
  }

  /** Whether a record of that size may come into memory. */
  fits(bytes: number): boolean {
    return this.#records < this.#maxRecords && this.#bytes + bytes <= this.#maxBytes;
  }

  /** Takes a record into memory; `fits` was asked. */
  take(
    prepared: Prepared,
    bytes: number,
    timeoutMs: number,
    done: Queued["done"],
  ): Queued {
    this.#records += 1;
    this.#bytes += bytes;
    const at = monotonic();
    return { ...prepared, bytes, at, deadline: at + timeoutMs, settled: false, timer: undefined, done };
  }

  /** The service has these; `duplicates` of them from an earlier try. */
  acknowledge(items: readonly Queued[], duplicates: number): void {
    const live = items.filter((item) => this.#settle(item));
    const again = Math.min(duplicates, live.length);
    this.counters.duplicates += again;
    this.counters.sent += live.length - again;
    live.forEach((item) => item.done?.("acknowledged"));
    this.changed();
  }

  /** The record is durable on the disk: out of memory, and not settled for the counters. */
  spooled(item: Queued): void {
    if (this.#settle(item)) {
      this.counters.spooled += 1;
      item.done?.("spooled");
    }
  }

  /** The service refused the record for good. */
  refuse(item: Queued, error: AuditrailError): void {
    if (this.#settle(item)) {
      this.refuseText(item.text, error);
      item.done?.(error);
      this.changed();
    }
  }

  /** The same for a record that is not in memory. */
  refuseText(text: string, error: AuditrailError): void {
    this.counters.refuse(error.code);
    this.#tell(() => this.#callbacks.onRefused?.(JSON.parse(text) as RecordInput, error));
  }

  /** The record is given up. */
  drop(item: Queued, reason: DropReason, error: AuditrailError): void {
    if (this.#settle(item)) {
      this.dropped(reason, item.text);
      item.done?.(error);
      this.changed();
    }
  }

  /** The same for a record that never came into memory. */
  dropped(reason: DropReason, text: string | undefined): void {
    this.counters.drop(reason);
    const record = text === undefined ? undefined : (): RecordInput => JSON.parse(text) as RecordInput;
    this.#tell(() => this.#callbacks.onDropped?.(record?.(), reason));
  }

  /** Delivery failed, or works; told when it changes. */
  trouble(error: AuditrailError | undefined): void {
    if ((error !== undefined) !== this.#failing) {
      this.#failing = error !== undefined;
      this.#tell(() => this.#callbacks.onTrouble?.(error));
    }
  }

  /** Something was settled: those who wait for the end look again. */
  changed(): void {
    if (this.counters.pending <= 0) {
      this.#waiting.splice(0).forEach((resolve) => resolve());
    }
  }

  /** Waits until nothing is pending, at most so long. */
  async empty(deadlineMs: number): Promise<void> {
    const end = monotonic() + deadlineMs;
    while (this.counters.pending > 0 && monotonic() < end) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(TIMER_MAX_MS, Math.max(1, end - monotonic())));
        this.#waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  #settle(item: Queued): boolean {
    if (item.settled) {
      return false;
    }
    item.settled = true;
    clearTimeout(item.timer);
    this.#records -= 1;
    this.#bytes -= item.bytes;
    return true;
  }

  /** A callback that throws must not stop the delivery of others. */
  #tell(callback: () => void): void {
    try {
      callback();
    } catch {
      this.counters.callbackErrors += 1;
    }
  }
}
