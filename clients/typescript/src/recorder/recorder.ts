/** Records that get in: batches, retries, and a policy for when the service is gone. */
import type { AuditrailClient } from "../client.js";
import { recordId, timestamp } from "../clock.js";
import { AuditrailError } from "../errors.js";
import { Spool } from "../spool/spool.js";
import type { RecordInput } from "../types.js";
import { Backoff } from "./backoff.js";
import type { RecorderStats } from "./counters.js";
import { closed, Lane } from "./lane.js";
import { Ledger, type Queued } from "./ledger.js";
import {
  type DropReason,
  type FailurePolicy,
  policyOf,
  RECORD_MAX_BYTES,
  type RecorderOptions,
  settings,
  type Settings,
} from "./options.js";
import { Redelivery } from "./redelivery.js";
import { send } from "./sender.js";

/** What became of a record so far. */
export interface Recorded {
  /** The id it has or will have. */
  readonly id: string;
  /**
   * `acknowledged`: the service has it. `spooled`: it is durable on this disk. `queued`: it is in
   * memory, with `best_effort`. `dropped`: it is lost and counted, with `best_effort` alone.
   */
  readonly state: "acknowledged" | "spooled" | "queued" | "dropped";
}

/** What a flush found. */
export interface Flushed {
  /** Records that reached the service meanwhile. */
  readonly delivered: number;
  /** Records that were refused or given up meanwhile. */
  readonly failed: number;
  /** Records in memory or in the spool that are not settled. */
  readonly pending: number;
}

/** How long `flush` and `close` wait when not told, in milliseconds. */
const FLUSH_MS = 10_000;
/** Requests of `must` at once. More would only queue at the writer of the service. */
const MUST_REQUESTS = 4;

/** Takes records on and sees to it that they get to the service. Close it before the process ends. */
export class Recorder {
  readonly #client: AuditrailClient;
  readonly #settings: Settings;
  readonly #ledger: Ledger;
  readonly #must: Lane;
  readonly #bestEffort: Lane;
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
    // Each `must` record is to be tried a few times before its caller gives up.
    const mustCapMs = Math.min(retryCapMs, mustTimeoutMs / 4);
    const call = { signal: this.#abort.signal, timeoutMs };
    const common = { ...settings, ledger: this.#ledger, send: (items: readonly Queued[]) => send(this.#client, items, call) };
    this.#must = new Lane({
      ...common,
      impatient: true,
      requests: MUST_REQUESTS,
      lingerMs: 0,
      backoff: new Backoff(retryBaseMs, mustCapMs),
    });
    this.#bestEffort = new Lane({
      ...common,
      impatient: false,
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
        send: (items) => send(this.#client, items, call),
      });
    }
  }

  /** Opens a recorder, and its spool if it has one. Fails with `spool_locked`, `invalid_option`. */
  static async open(options: RecorderOptions): Promise<Recorder> {
    const checked = settings(options);
    const { spoolDir } = options;
    const spool = spoolDir === undefined ? undefined : await Spool.open(spoolDir, checked.spoolMaxBytes);
    return new Recorder(options, checked, spool);
  }

  /** Whether records can be spooled. */
  get spools(): boolean {
    return this.#spool !== undefined;
  }

  /**
   * Records. When this resolves and rejects is the business of the policy: the one given here, else
   * that of the action, else the default. The record gets its id and time here, once.
   */
  async record(input: RecordInput, options: { failure?: FailurePolicy | undefined } = {}): Promise<Recorded> {
    const failure = options.failure ?? policyOf(this.#settings, input.action);
    const id = input.id ?? recordId();
    this.#ledger.counters.accepted += 1;
    try {
      const text = this.#text({ ...input, id, created_at: input.created_at ?? timestamp() });
      return { id, state: await this.#take(text, failure) };
    } catch (error) {
      if (failure === "best_effort") {
        return { id, state: "dropped" };
      }
      throw error;
    }
  }

  /** Sends everything that waits, the spool included; resolves when it is done or the time is over. */
  async flush(options: { deadlineMs?: number | undefined } = {}): Promise<Flushed> {
    const { counters } = this.#ledger;
    const before = { delivered: counters.delivered, failed: counters.failed };
    const lanes = [this.#must, this.#bestEffort, this.#redelivery];
    lanes.forEach((lane) => lane?.hurry(true));
    await this.#ledger.empty(options.deadlineMs ?? FLUSH_MS);
    lanes.forEach((lane) => lane?.hurry(false));
    return {
      delivered: counters.delivered - before.delivered,
      failed: counters.failed - before.failed,
      pending: Math.max(0, counters.pending),
    };
  }

  /**
   * Takes no more records, flushes, and ends. What is still in memory then is dropped and counted, and
   * `must` records reject; what is in the spool stays there for the next process.
   */
  async close(options: { deadlineMs?: number | undefined } = {}): Promise<Flushed> {
    this.#closing ??= this.#close(options.deadlineMs ?? FLUSH_MS);
    return this.#closing;
  }

  /** What became of every record so far. */
  stats(): RecorderStats {
    return this.#ledger.counters.snapshot(this.#spool?.bytes ?? 0, this.#spool?.torn ?? 0);
  }

  async #close(deadlineMs: number): Promise<Flushed> {
    const { counters } = this.#ledger;
    const failed = counters.failed;
    const flushed = await this.flush({ deadlineMs });
    for (const item of [...this.#must.end(), ...this.#bestEffort.end()]) {
      this.#ledger.drop(item, "closed", closed());
    }
    this.#abort.abort();
    await this.#redelivery?.end();
    await Promise.all([this.#must.ended(), this.#bestEffort.ended()]);
    await this.#spool?.close();
    return { ...flushed, failed: counters.failed - failed, pending: Math.max(0, counters.pending) };
  }

  #text(input: RecordInput): string {
    let text: string;
    try {
      text = this.#client.text(input);
    } catch (error) {
      this.#ledger.dropped("not_json", undefined);
      throw error;
    }
    const bytes = Buffer.byteLength(text);
    if (bytes > RECORD_MAX_BYTES) {
      throw this.#refusal("too_large", text, `the record has ${bytes} bytes, at most ${RECORD_MAX_BYTES}`);
    }
    return text;
  }

  async #take(text: string, failure: FailurePolicy): Promise<Recorded["state"]> {
    if (this.#closing !== undefined) {
      throw this.#refusal("closed", text, "the recorder is closed and takes no more records");
    }
    if (failure === "spool" && this.#spool === undefined) {
      throw this.#refusal("no_spool", text, "the policy `spool` needs the option `spoolDir`");
    }
    const bytes = Buffer.byteLength(text);
    this.#makeRoom(text, bytes, failure);
    if (failure === "best_effort") {
      this.#bestEffort.push(this.#ledger.take({ text }, bytes, Number.POSITIVE_INFINITY, undefined));
      return "queued";
    }
    return new Promise((resolve, reject) => {
      const done = (result: AuditrailError | "acknowledged" | "spooled"): void =>
        result instanceof AuditrailError ? reject(result) : resolve(result);
      const item = this.#ledger.take({ text }, bytes, this.#settings.mustTimeoutMs, done);
      if (failure === "must") {
        this.#must.push(item);
      } else {
        void this.#toSpool(item);
      }
    });
  }

  /** Records that somebody vouches for push out those that may be lost. */
  #makeRoom(text: string, bytes: number, failure: FailurePolicy): void {
    while (!this.#ledger.fits(bytes)) {
      const other = failure === "best_effort" ? undefined : this.#bestEffort.displace();
      if (other === undefined) {
        const { queueMaxRecords, queueMaxBytes } = this.#settings;
        const detail = `the queue holds its ${queueMaxRecords} records or ${queueMaxBytes} bytes; slow down`;
        throw this.#refusal("queue_full", text, detail);
      }
      this.#ledger.drop(other, "displaced", closed());
    }
  }

  /** To the disk; where that fails, one try to the service, which is as good. */
  async #toSpool(item: Queued): Promise<void> {
    try {
      await this.#spool?.append(item.text);
      this.#ledger.spooled(item);
      this.#redelivery?.added();
    } catch (thrown) {
      const error = thrown instanceof AuditrailError ? thrown : AuditrailError.local("spool_failed", String(thrown));
      // A spool at its own limit means that the service does not keep up; asking it is of no use.
      if (error.cause === undefined || !(await this.#direct(item))) {
        this.#ledger.drop(item, error.code === "spool_full" ? "spool_full" : "spool_failed", error);
      }
    }
  }

  async #direct(item: Queued): Promise<boolean> {
    const call = { signal: this.#abort.signal, timeoutMs: this.#settings.mustTimeoutMs };
    const sent = await send(this.#client, [item], call);
    this.#ledger.acknowledge(sent.acknowledged, sent.duplicates);
    sent.refused.forEach(({ error }) => this.#ledger.refuse(item, error));
    return sent.unsent.length === 0;
  }

  #refusal(reason: DropReason, text: string, detail: string): AuditrailError {
    this.#ledger.dropped(reason, text);
    return AuditrailError.local(reason, detail);
  }
}
