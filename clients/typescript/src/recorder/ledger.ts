/** The ledger of accepted records: bounds the memory in use, settles each record exactly once, counts. */
import { monotonic, TIMER_MAX_MS } from "../clock.js";
import type { AuditrailError } from "../errors.js";
import { parseExactly } from "../exact-json.js";
import type { RecordInput } from "../types.js";
import { DeadLetters } from "../spool/dead-letters.js";
import { Counters } from "./counters.js";
import type { DropReason, Prepared, RecorderOptions, Settings } from "./options.js";
import { Warnings } from "./warnings.js";

/** A record in memory. */
export interface Queued extends Prepared {
  /** Its bytes, as counted against the limit. */
  readonly bytes: number;
  /** When it was accepted, on the monotonic clock. */
  readonly at: number;
  /** Its deadline on the monotonic clock; only for `must`. */
  readonly deadline: number;
  /** Set once its outcome is known. */
  settled: boolean;
  /** Drops it at its deadline. */
  timer: NodeJS.Timeout | undefined;
  /** Completes the caller's promise, if one waits. */
  readonly done: ((result: AuditrailError | "acknowledged" | "spooled") => void) | undefined;
}

type Options = Pick<RecorderOptions, "client" | "spoolDir" | "onRefused" | "onDropped" | "onTrouble">;

export class Ledger {
  readonly counters = new Counters();
  readonly #options: Options;
  readonly #warnings = new Warnings();
  readonly #deadLetters: DeadLetters | undefined;
  readonly #maxRecords: number;
  readonly #maxBytes: number;
  #records = 0;
  #bytes = 0;
  #failing = false;
  #waiting: (() => void)[] = [];

  constructor(settings: Settings, options: Options) {
    this.#maxRecords = settings.queueMaxRecords;
    this.#maxBytes = settings.queueMaxBytes;
    this.#options = options;
    this.#deadLetters = this.#openDeadLetters(settings.deadLettersMaxBytes);
  }

  /** Whether the limits allow another record of that size. */
  fits(bytes: number): boolean {
    return this.#records < this.#maxRecords && this.#bytes + bytes <= this.#maxBytes;
  }

  /** Takes a record into memory, after a check with `fits`. */
  insert(
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

  /** Settles records that the service acknowledged, `duplicates` of them from an earlier attempt. */
  acknowledge(items: readonly Queued[], duplicates: number): void {
    const settled = items.filter((item) => this.#settle(item));
    const repeated = Math.min(duplicates, settled.length);
    this.counters.duplicates += repeated;
    this.counters.sent += settled.length - repeated;
    settled.forEach((item) => item.done?.("acknowledged"));
    this.changed();
  }

  /** Removes a record from memory that is durable in the spool. It stays pending. */
  spooled(item: Queued): void {
    if (this.#settle(item)) {
      this.counters.spooled += 1;
      item.done?.("spooled");
    }
  }

  /** Settles a record that the service permanently rejected. */
  refuse(item: Queued, error: AuditrailError): void {
    if (this.#settle(item)) {
      this.refuseText(item.text, error);
      item.done?.(error);
      this.changed();
    }
  }

  /** The same for a record of the spool. */
  refuseText(text: string, error: AuditrailError): void {
    this.#refuse(() => parseExactly(text) as RecordInput, text, error);
  }

  /** The same for an invalid record, which has no text if it cannot be encoded. */
  refuseInput(input: RecordInput, text: string | undefined, error: AuditrailError): void {
    this.#refuse(() => input, text, error);
  }

  /** Resolves when the refused records are in the dead-letter file, if there is one and it takes them. */
  async deadLettersWritten(): Promise<void> {
    await this.#deadLetters?.written();
  }

  /** Settles a record that is dropped. */
  drop(item: Queued, reason: DropReason, error: AuditrailError): void {
    if (this.#settle(item)) {
      this.dropped(reason, item.text);
      item.done?.(error);
      this.changed();
    }
  }

  /** The same for a record that was not accepted. */
  dropped(reason: DropReason, text: string | undefined): void {
    this.counters.drop(reason);
    const { onDropped } = this.#options;
    if (onDropped === undefined) {
      this.#warnings.once(`dropped_${reason}`, `an audit record is dropped: ${reason}; set \`onDropped\` to get each`);
      return;
    }
    const record = text === undefined ? undefined : (): RecordInput => parseExactly(text) as RecordInput;
    this.#callBack(() => onDropped(record?.(), reason));
  }

  /** Reports a change between failing and working delivery. */
  reportDelivery(error: AuditrailError | undefined): void {
    if ((error !== undefined) !== this.#failing) {
      this.#failing = error !== undefined;
      this.#callBack(() => this.#options.onTrouble?.(error));
    }
    if (error !== undefined && this.#options.onTrouble === undefined) {
      const { url } = this.#options.client;
      this.#warnings.once(error.code, `audit records cannot be delivered to ${url}: ${error.message}`);
    }
  }

  /** Wakes waiting flushes if no record is pending. */
  changed(): void {
    if (this.counters.pending <= 0) {
      this.#waiting.splice(0).forEach((resolve) => resolve());
    }
  }

  /** Waits until no record is pending or the deadline has passed. */
  async drained(deadlineMs: number): Promise<void> {
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

  #refuse(record: () => RecordInput, text: string | undefined, error: AuditrailError): void {
    this.counters.refuse(error.code);
    if (text !== undefined) {
      this.#deadLetters?.add(text, error);
    }
    const { onRefused } = this.#options;
    if (onRefused === undefined) {
      const kept = this.#deadLetters === undefined ? "set `onRefused` to keep such records" : `see ${this.#deadLetters.path}`;
      this.#warnings.once(`refused_${error.code}`, `an audit record is refused: ${error.message}; ${kept}`);
    } else {
      this.#callBack(() => onRefused(record(), error));
    }
  }

  #openDeadLetters(maxBytes: number): DeadLetters | undefined {
    const { spoolDir } = this.#options;
    const kept = (lines: number): void => void (this.counters.deadLetters += lines);
    const notKept = (lines: number, why: string): void => {
      this.counters.deadLettersDropped += lines;
      this.#warnings.once("dead_letters", `refused audit records are not kept: ${why}`);
    };
    return spoolDir === undefined ? undefined : new DeadLetters(spoolDir, maxBytes, kept, notKept);
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

  /** Counts an exception of a callback, which must not stop the delivery. */
  #callBack(callback: () => void): void {
    try {
      callback();
    } catch {
      this.counters.callbackErrors += 1;
    }
  }
}
