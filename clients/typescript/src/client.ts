/** The service as methods: one call, one answer. Retries are the recorder's business. */
import { AuditrailError } from "./errors.js";
import { type ExportFormat, exportedRecords } from "./export.js";
import { Key, type KeyOptions } from "./key.js";
import { type CallOptions, Transport } from "./transport.js";
import type { AuditRecord, BatchAnswer, Filters, Interval, Page, Query, RecordInput, Stats } from "./types.js";

/** Where the service is and how to talk to it. */
export interface ClientOptions extends KeyOptions {
  /** The address of the service, such as `http://127.0.0.1:8080`. Default: `AUDITRAIL_URL`. */
  readonly url?: string | undefined;
  /**
   * How long a call may take, in milliseconds. Default 65,000: the service itself gives up after 60 s
   * unless told otherwise.
   */
  readonly timeoutMs?: number | undefined;
}

/** What became of one record. */
export interface Created {
  /** The record as it is stored. */
  readonly record: AuditRecord;
  /** False when the same id and content were there already. */
  readonly created: boolean;
}

/** How to write a batch. */
export interface BatchOptions extends CallOptions {
  /** `refuse` (default) writes all or none; `skip` writes the good ones. */
  readonly onInvalid?: "refuse" | "skip" | undefined;
  /** Whether to answer with the records. */
  readonly returnFull?: boolean | undefined;
}

const TIMEOUT_MS = 65_000;
const LOGS = "/v1/audit-logs";

/** Reads and writes an audit log over HTTP. Safe to share; it keeps no state but the key. */
export class AuditrailClient {
  readonly #transport: Transport;

  constructor(options: ClientOptions = {}) {
    const url = options.url ?? process.env["AUDITRAIL_URL"];
    if (!url) {
      throw AuditrailError.local("invalid_option", "give `url`, or set AUDITRAIL_URL");
    }
    this.#transport = new Transport(url, Key.find(options), options.timeoutMs ?? TIMEOUT_MS);
  }

  /** Writes a record. It is on disk when this resolves. With an `id` in it, repeating it is safe. */
  async create(input: RecordInput, options: CallOptions = {}): Promise<Created> {
    const { status, body } = await this.#transport.json({
      ...options,
      method: "POST",
      path: LOGS,
      body: this.text(input),
    });
    return { record: body as AuditRecord, created: status === 201 };
  }

  /** Writes up to 10,000 records and 16 MiB in one transaction. */
  async createBatch(inputs: readonly RecordInput[], options: BatchOptions = {}): Promise<BatchAnswer> {
    return this.batchOfTexts(
      inputs.map((input) => this.text(input)),
      options,
    );
  }

  /** As `createBatch`, of records that are JSON text already. @internal */
  async batchOfTexts(texts: readonly string[], options: BatchOptions): Promise<BatchAnswer> {
    const { onInvalid, returnFull, ...call } = options;
    const query = new URLSearchParams();
    if (onInvalid !== undefined) {
      query.set("on_invalid", onInvalid);
    }
    if (returnFull) {
      query.set("return", "full");
    }
    const body = `[${texts.join(",")}]`;
    const path = `${LOGS}/batch`;
    const answer = await this.#transport.json({ ...call, method: "POST", path, query, body });
    return answer.body as BatchAnswer;
  }

  /** One record by its id; `undefined` when there is none that the key may see. */
  async get(id: string, options: CallOptions = {}): Promise<AuditRecord | undefined> {
    try {
      const path = `${LOGS}/${encodeURIComponent(id)}`;
      const { body } = await this.#transport.json({ ...options, method: "GET", path });
      return body as AuditRecord;
    } catch (error) {
      if (error instanceof AuditrailError && error.code === "not_found") {
        return undefined;
      }
      throw error;
    }
  }

  /** One page of a search, newest first. */
  async query(query: Query = {}, options: CallOptions = {}): Promise<Page> {
    const { body } = await this.#transport.json({ ...options, method: "GET", path: LOGS, query: parameters(query) });
    return body as Page;
  }

  /** The pages of a search, one request each. */
  async *pages(query: Query = {}, options: CallOptions = {}): AsyncGenerator<Page, void, void> {
    const { offset, ...rest } = query;
    let page = await this.query(query, options);
    yield page;
    while (page.pagination.next_cursor !== null) {
      page = await this.query({ ...rest, cursor: page.pagination.next_cursor }, options);
      yield page;
    }
  }

  /** Every record of a search, newest first, a page at a time. */
  async *records(query: Query = {}, options: CallOptions = {}): AsyncGenerator<AuditRecord, void, void> {
    for await (const page of this.pages(query, options)) {
      yield* page.data;
    }
  }

  /** How many records match, by time and by actor, action and target. */
  async stats(filters: Filters = {}, options: CallOptions & { interval?: Interval } = {}): Promise<Stats> {
    const { interval, ...call } = options;
    const query = parameters(filters);
    if (interval) {
      query.set("interval", interval);
    }
    const { body } = await this.#transport.json({ ...call, method: "GET", path: `${LOGS}/stats`, query });
    return body as Stats;
  }

  /** Every matching record as bytes, oldest first. An export that breaks off fails the stream. */
  async export(
    format: ExportFormat,
    filters: Filters = {},
    options: CallOptions = {},
  ): Promise<ReadableStream<Uint8Array>> {
    const query = parameters(filters);
    query.set("format", format);
    const accept = format === "csv" ? "text/csv" : "application/x-ndjson";
    return this.#transport.stream({ ...options, method: "GET", path: `${LOGS}/export`, query, accept });
  }

  /**
   * Every matching record, oldest first, held against the manifest at the end: what it gave is whole
   * only once it has ended without `incomplete_export`.
   */
  async *exportRecords(filters: Filters = {}, options: CallOptions = {}): AsyncGenerator<AuditRecord, void, void> {
    yield* exportedRecords(await this.export("ndjson", filters, options));
  }

  /** The record as JSON text without the key. @internal */
  text(input: RecordInput): string {
    let text: string | undefined;
    try {
      text = JSON.stringify(input);
    } catch {
      text = undefined;
    }
    if (text === undefined) {
      throw AuditrailError.local("not_json", "the record holds what JSON cannot: a cycle, or a big integer");
    }
    return this.#transport.hide(text);
  }
}

function parameters(query: Query): URLSearchParams {
  const parameters = new URLSearchParams();
  const { metadata, ...rest } = query;
  for (const [name, value] of Object.entries(rest)) {
    if (value !== undefined) {
      parameters.set(name, String(value));
    }
  }
  for (const [name, value] of Object.entries(metadata ?? {})) {
    parameters.set(`metadata.${name}`, value);
  }
  return parameters;
}
