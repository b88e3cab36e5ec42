/** The recorder: batches, retries, and a failure policy for when the service is unreachable. */
import type { AuditrailClient } from "../client.js";
import { recordId } from "../clock.js";
import { AuditrailError } from "../errors.js";
import { Spool } from "../spool/spool.js";
import type { RecordInput } from "../types.js";
import { Backoff } from "./backoff.js";
import type { RecorderStats } from "./counters.js";
import { closedError, Worker } from "./worker.js";
import { Ledger, type Queued } from "./ledger.js";
import {
  type DropReason,
  type FailurePolicy,
  policyOf,
  type Prepared,
  type RecorderOptions,
  settings,
  type Settings,
} from "./options.js";
import { prepare } from "./prepare.js";
import { Redelivery } from "./redelivery.js";
import { sendBatch } from "./sender.js";

/** The result of `record`. */
export interface Recorded {
  /** The id of the record. */
  readonly id: string;
  /**
   * `acknowledged`: the service has stored it. `spooled`: it is durable on the local disk. `queued`: it
   * is in memory (`best_effort`). `dropped`: it is invalid or lost, and counted (`best_effort`).
   */
  readonly state: "acknowledged" | "spooled" | "queued" | "dropped";
}

/** The result of a flush. */
export interface Flushed {
  /** Records delivered during the flush. */
  readonly delivered: number;
  /** Records rejected or dropped during the flush. */
  readonly failed: number;
  /** Records still in memory or in the spool. */
  readonly pending: number;
}

/** Default deadline of `flush` and `close` in milliseconds. */
const FLUSH_MS = 10_000;
/** Default timeout of `check` in milliseconds. */
const CHECK_MS = 5_000;
/** Concurrent requests for `must` records. More would only queue at the writer of the service. */
const MUST_REQUESTS = 4;

/** Accepts records and delivers them to the service. Close it before the process exits. */
export class Recorder {
  readonly #client: AuditrailClient;
  readonly #settings: Settings;
  readonly #ledger: Ledger;
  readonly #must: Worker;
  readonly #bestEffort: Worker;
  readonly #spool: Spool | undefined;
  readonly #redelivery: Redelivery | undefined;
  readonly #abort = new AbortController();
  #closing: Promise<Flushed> | undefined;

  private constructor(options: RecorderOptions, settings: Settings, spool: Spool | undefined) {
    this.#client = options.client;
    this.#settings = settings;
    this.#ledger = new Ledger(settings, options);
    this.#spool = spool;
    const { retryBaseMs, retryCapMs, mustTimeoutMs, requestTimeoutMs: timeoutMs } = settings;
    // Allows a few attempts before the deadline.
    const mustCapMs = Math.min(retryCapMs, mustTimeoutMs / 4);
    const call = { signal: this.#abort.signal, timeoutMs };
    const common = { ...settings, ledger: this.#ledger, sendBatch: (items: readonly Queued[]) => sendBatch(this.#client, items, call) };
    this.#must = new Worker({
      ...common,
      hasDeadlines: true,
      requests: MUST_REQUESTS,
      lingerMs: 0,
      backoff: new Backoff(retryBaseMs, mustCapMs),
    });
    this.#bestEffort = new Worker({
      ...common,
      hasDeadlines: false,
      requests: 1,
      backoff: new Backoff(retryBaseMs, retryCapMs),
    });
    if (spool !== undefined) {
      this.#ledger.counters.recovered = spool.recovered;
      this.#redelivery = new Redelivery({
        spool,
        ledger: this.#ledger,
        settings,
        backoff: new Backoff(retryBaseMs, retryCapMs),
        sendBatch: (items) => sendBatch(this.#client, items, call),
      });
    }
  }

  /**
   * Opens a recorder, and its spool if one is configured. Rejects with `spool_locked`, `spool_unsafe`,
   * `no_spool` or `invalid_option`.
   */
  static async open(options: RecorderOptions): Promise<Recorder> {
    const validated = settings(options);
    const { spoolDir } = options;
    const spool = spoolDir === undefined ? undefined : await Spool.open(spoolDir, validated.spoolMaxBytes);
    const recorder = new Recorder(options, validated, spool);
    if (options.checkOnOpen ?? true) {
      // Reported by `onTrouble` or a warning.
      recorder.check().catch(() => undefined);
    }
    return recorder;
  }

  /**
   * Resolves if the service is reachable and the API key may write, else rejects with the reason, within
   * `timeoutMs`. A failure is reported like one of a delivery. The recorder works in either case.
   */
  async check(options: { timeoutMs?: number | undefined } = {}): Promise<void> {
    try {
      await this.#client.check({ signal: this.#abort.signal, timeoutMs: options.timeoutMs ?? CHECK_MS });
    } catch (error) {
      if (error instanceof AuditrailError && this.#closing === undefined) {
        this.#ledger.reportDelivery(error);
      }
      throw error;
    }
  }

  /** Whether the recorder has a spool. */
  get spools(): boolean {
    return this.#spool !== undefined;
  }

  /**
   * Records under a policy: `failure`, else that of the action, else the default. The policy determines
   * when this resolves and rejects. An id and a time are assigned here, once, so that retries are
   * idempotent.
   *
   * Rejects an invalid record at once, with the code of its first error and all errors.
   */
  async record(input: RecordInput, options: { failure?: FailurePolicy | undefined } = {}): Promise<Recorded> {
    const given = input as RecordInput | null | undefined;
    const failure = options.failure ?? policyOf(this.#settings, given?.action);
    const id = given?.id ?? recordId();
    this.#ledger.counters.accepted += 1;
    try {
      return { id, state: await this.#accept(this.#prepare(input, id), failure) };
    } catch (error) {
      if (failure === "best_effort") {
        return { id, state: "dropped" };
      }
      throw error;
    }
  }

  /**
   * Sends all pending records, including the spool; resolves when none is left or the deadline has
   * passed.
   */
  async flush(options: { deadlineMs?: number | undefined } = {}): Promise<Flushed> {
    const { counters } = this.#ledger;
    const before = { delivered: counters.delivered, failed: counters.failed };
    const senders = [this.#must, this.#bestEffort, this.#redelivery];
    senders.forEach((worker) => worker?.expedite(true));
    await this.#ledger.drained(options.deadlineMs ?? FLUSH_MS);
    senders.forEach((worker) => worker?.expedite(false));
    return {
      delivered: counters.delivered - before.delivered,
      failed: counters.failed - before.failed,
      pending: Math.max(0, counters.pending),
    };
  }

  /**
   * Rejects further records, flushes, and shuts down. Records still in memory are dropped and counted,
   * and `must` records reject; records in the spool stay there for the next process.
   */
  async close(options: { deadlineMs?: number | undefined } = {}): Promise<Flushed> {
    this.#closing ??= this.#close(options.deadlineMs ?? FLUSH_MS);
    return this.#closing;
  }

  /** The current counters. */
  stats(): RecorderStats {
    return this.#ledger.counters.snapshot(this.#spool?.bytes ?? 0, this.#spool?.torn ?? 0);
  }

  async #close(deadlineMs: number): Promise<Flushed> {
    const { counters } = this.#ledger;
    const failed = counters.failed;
    const flushed = await this.flush({ deadlineMs });
    for (const item of [...this.#must.stop(), ...this.#bestEffort.stop()]) {
      this.#ledger.drop(item, "closed", closedError());
    }
    this.#abort.abort();
    await this.#redelivery?.stop();
    await Promise.all([this.#must.idle(), this.#bestEffort.idle()]);
    await this.#ledger.deadLettersWritten();
    await this.#spool?.close();
    return { ...flushed, failed: counters.failed - failed, pending: Math.max(0, counters.pending) };
  }

  /** Prepares a record. An invalid one is counted, kept in the dead-letter file, and thrown. */
  #prepare(input: RecordInput, id: string): Prepared {
    const result = prepare(this.#client, input, id);
    if ("error" in result) {
      this.#ledger.refuseInput(input, result.text, result.error);
      throw result.error;
    }
    return result.prepared;
  }

  async #accept(prepared: Prepared, failure: FailurePolicy): Promise<Recorded["state"]> {
    const { text } = prepared;
    if (this.#closing !== undefined) {
      throw this.#refusal("closed", text, "the recorder is closed");
    }
    if (failure === "spool" && this.#spool === undefined) {
      throw this.#refusal("no_spool", text, "the policy `spool` needs the option `spoolDir`");
    }
    const bytes = Buffer.byteLength(text);
    this.#makeSpace(text, bytes, failure);
    if (failure === "best_effort") {
      this.#bestEffort.push(this.#ledger.insert(prepared, bytes, Number.POSITIVE_INFINITY, undefined));
      return "queued";
    }
    return new Promise((resolve, reject) => {
      const done = (result: AuditrailError | "acknowledged" | "spooled"): void =>
        result instanceof AuditrailError ? reject(result) : resolve(result);
      const item = this.#ledger.insert(prepared, bytes, this.#settings.mustTimeoutMs, done);
      if (failure === "must") {
        this.#must.push(item);
      } else {
        void this.#spoolRecord(item);
      }
    });
  }

  /** Evicts `best_effort` records, oldest first, if a `must` or `spool` record needs their space. */
  #makeSpace(text: string, bytes: number, failure: FailurePolicy): void {
    while (!this.#ledger.fits(bytes)) {
      const evicted = failure === "best_effort" ? undefined : this.#bestEffort.evictOldest();
      if (evicted === undefined) {
        const { queueMaxRecords, queueMaxBytes } = this.#settings;
        const detail = `the queue is full: its limit is ${queueMaxRecords} records and ${queueMaxBytes} bytes; slow down`;
        throw this.#refusal("queue_full", text, detail);
      }
      this.#ledger.drop(evicted, "displaced", closedError());
    }
  }

  /** Spools a record; if that fails, sends it directly, once. */
  async #spoolRecord(item: Queued): Promise<void> {
    try {
      await this.#spool?.append(item.text, item.stamped);
      this.#ledger.spooled(item);
      this.#redelivery?.added();
    } catch (thrown) {
      const error = thrown instanceof AuditrailError ? thrown : AuditrailError.local("spool_failed", String(thrown));
      // A spool at its own limit means that the service does not keep up, so sending directly is no
      // alternative. Only an error of the disk has a cause.
      if (error.cause === undefined || !(await this.#sendDirectly(item))) {
        this.#ledger.drop(item, error.code === "spool_full" ? "spool_full" : "spool_failed", error);
      }
    }
  }

  async #sendDirectly(item: Queued): Promise<boolean> {
    const call = { signal: this.#abort.signal, timeoutMs: this.#settings.mustTimeoutMs };
    const result = await sendBatch(this.#client, [item], call);
    this.#ledger.acknowledge(result.acknowledged, result.duplicates);
    result.refused.forEach(({ error }) => this.#ledger.refuse(item, error));
    return result.unsent.length === 0;
  }

  #refusal(reason: DropReason, text: string, detail: string): AuditrailError {
    this.#ledger.dropped(reason, text);
    return AuditrailError.local(reason, detail);
  }
}
