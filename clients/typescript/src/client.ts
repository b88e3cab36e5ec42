/** The HTTP client: one request per call, without retries. The recorder retries. */
import { AuditrailError } from "./errors.js";
import { parseExactly } from "./exact-json.js";
import { type ExportFormat, exportedRecords } from "./export.js";
import { Feed, type FeedOptions } from "./feed.js";
import { Key, type KeyOptions } from "./key.js";
import { filterParameters } from "./parameters.js";
import { recordErrors } from "./record/check.js";
import { encodeRecord } from "./record/encode.js";
import { Tail, type TailOptions } from "./tail.js";
import { type CallOptions, Transport } from "./transport.js";
import type {
  AuditRecord,
  BatchAnswer,
  Facet,
  Facets,
  FieldError,
  Filters,
  Histogram,
  Interval,
  Page,
  Query,
  RecordInput,
  Stats,
  ValueField,
  Values,
} from "./types.js";

/** Configuration of a client. */
export interface ClientOptions extends KeyOptions {
  /** Base URL of the service, such as `http://127.0.0.1:8080`. Default: `AUDITRAIL_URL`. */
  readonly url?: string | undefined;
  /**
   * Timeout of a call in milliseconds. Default 65,000, longer than the default timeout of the service,
   * 60 s.
   */
  readonly timeoutMs?: number | undefined;
}

/** The result of `create`. */
export interface Created {
  /** The stored record. */
  readonly record: AuditRecord;
  /** False if the same record with the same id was stored already. */
  readonly created: boolean;
}

/** Options of `createBatch`. */
export interface BatchOptions extends CallOptions {
  /** `refuse` (default) writes all records or none; `skip` writes the valid ones. */
  readonly onInvalid?: "refuse" | "skip" | undefined;
  /** Whether the response contains the records. */
  readonly returnFull?: boolean | undefined;
}

/** Options of `values`. */
export interface ValuesOptions extends CallOptions {
  /** The tenant whose newest records are searched. Default: that of the API key, or all. */
  readonly tenantId?: string | undefined;
  /** Maximum number of values, 1 to 100. Default 20. */
  readonly limit?: number | undefined;
}

/** Options of `export`. */
export interface ExportOptions extends CallOptions {
  /** Whether a CSV export starts with a byte order mark, by which Excel recognizes UTF-8. Default false. */
  readonly bom?: boolean | undefined;
}

const TIMEOUT_MS = 65_000;
const LOGS = "/v1/audit-logs";

/** An HTTP client of the service. It has no state but the API key and can be shared. */
export class AuditrailClient {
  readonly #transport: Transport;

  constructor(options: ClientOptions = {}) {
    const url = options.url ?? process.env["AUDITRAIL_URL"];
    if (!url) {
      throw AuditrailError.local("invalid_option", "no URL of the service: set `url`, or AUDITRAIL_URL");
    }
    this.#transport = new Transport(url, Key.load(options), options.timeoutMs ?? TIMEOUT_MS);
  }

  /** Writes a record; it is durable when this resolves. With an `id` retries are idempotent. */
  async create(input: RecordInput, options: CallOptions = {}): Promise<Created> {
    const { status, body } = await this.#transport.json({
      ...options,
      method: "POST",
      path: LOGS,
      body: this.encode(input),
    });
    return { record: body as AuditRecord, created: status === 201 };
  }

  /** Writes up to 10,000 records and 16 MiB in one transaction. */
  async createBatch(inputs: readonly RecordInput[], options: BatchOptions = {}): Promise<BatchAnswer> {
    return this.createEncodedBatch(
      inputs.map((input) => this.encode(input)),
      options,
    );
  }

  /** The same as `createBatch` for encoded records. @internal */
  async createEncodedBatch(texts: readonly string[], options: BatchOptions): Promise<BatchAnswer> {
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
    const response = await this.#transport.json({ ...call, method: "POST", path, query, body });
    return response.body as BatchAnswer;
  }

  /** Returns a record by id; `undefined` if it does not exist or the key has no access to it. */
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

  /** Returns one page of a search, newest first unless `order` is `asc`. */
  async query(query: Query = {}, options: CallOptions = {}): Promise<Page> {
    const { body } = await this.#transport.json({ ...options, method: "GET", path: LOGS, query: filterParameters(query) });
    return body as Page;
  }

  /** Iterates over the pages of a search, one request each. */
  async *pages(query: Query = {}, options: CallOptions = {}): AsyncGenerator<Page, void, void> {
    const { offset, around, ...rest } = query;
    let page = await this.query(query, options);
    yield page;
    while (page.pagination.next_cursor !== null) {
      page = await this.query({ ...rest, cursor: page.pagination.next_cursor }, options);
      yield page;
    }
  }

  /** Iterates over the records of a search in its order, one request per page. */
  async *records(query: Query = {}, options: CallOptions = {}): AsyncGenerator<AuditRecord, void, void> {
    for await (const page of this.pages(query, options)) {
      yield* page.data;
    }
  }

  /** Counts matching records by time, actor, action and target. */
  async stats(filters: Filters = {}, options: CallOptions & { interval?: Interval } = {}): Promise<Stats> {
    const { interval, ...call } = options;
    const query = filterParameters(filters);
    if (interval) {
      query.set("interval", interval);
    }
    const { body } = await this.#transport.json({ ...call, method: "GET", path: `${LOGS}/stats`, query });
    return body as Stats;
  }

  /** Counts matching records by at most `bars` buckets of time (1 to 200, default 60). */
  async histogram(filters: Filters = {}, options: CallOptions & { bars?: number } = {}): Promise<Histogram> {
    const { bars, ...call } = options;
    const query = filterParameters(filters);
    if (bars !== undefined) {
      query.set("bars", String(bars));
    }
    const { body } = await this.#transport.json({ ...call, method: "GET", path: `${LOGS}/histogram`, query });
    return body as Histogram;
  }

  /** Counts the most frequent values of fields (default: all) among matching records. Each ignores its own filter. */
  async facets(filters: Filters = {}, options: CallOptions & { fields?: readonly Facet[] } = {}): Promise<Facets> {
    const { fields, ...call } = options;
    const query = filterParameters(filters);
    if (fields !== undefined) {
      query.set("fields", fields.join(","));
    }
    const { body } = await this.#transport.json({ ...call, method: "GET", path: `${LOGS}/facets`, query });
    return body as Facets;
  }

  /** Lists the values of a field that start with a prefix. */
  async values(field: ValueField, prefix = "", options: ValuesOptions = {}): Promise<Values> {
    const { tenantId, limit, ...call } = options;
    const query = new URLSearchParams({ field, prefix });
    if (tenantId !== undefined) {
      query.set("tenant_id", tenantId);
    }
    if (limit !== undefined) {
      query.set("limit", String(limit));
    }
    const { body } = await this.#transport.json({ ...call, method: "GET", path: `${LOGS}/values`, query });
    return body as Values;
  }

  /** Exports the matching records as bytes, oldest first. The stream fails if the export is truncated. */
  async export(
    format: ExportFormat,
    filters: Filters = {},
    options: ExportOptions = {},
  ): Promise<ReadableStream<Uint8Array>> {
    const { bom, ...call } = options;
    const query = filterParameters(filters);
    query.set("format", format);
    if (bom !== undefined) {
      query.set("bom", String(bom));
    }
    const accept = format === "csv" ? "text/csv" : "application/x-ndjson";
    return this.#transport.stream({ ...call, method: "GET", path: `${LOGS}/export`, query, accept });
  }

  /**
   * Iterates over the matching records, oldest first, and verifies them against the manifest at the
   * end: the export is complete only if the loop ends without `incomplete_export`.
   */
  async *exportRecords(filters: Filters = {}, options: CallOptions = {}): AsyncGenerator<AuditRecord, void, void> {
    yield* exportedRecords(await this.export("ndjson", filters, options));
  }

  /**
   * Follows the log from a position: every record once, in the order of its seq, with requests for pages.
   *
   * Store `position` of the result after a record was processed, and pass it as `after` next time.
   */
  feed(options: FeedOptions = {}): Feed {
    return new Feed(this.#transport, LOGS, options);
  }

  /** As `feed`, over one connection (server-sent events), and from the newest record on unless `after` is given. */
  tail(options: TailOptions = {}): Tail {
    return new Tail(this.#transport, LOGS, options);
  }

  /**
   * Checks that the service is reachable and that the API key may write, without writing a record.
   *
   * Rejects with the reason, such as `unreachable`, `timeout`, `invalid_key` or `wrong_scope`.
   */
  async check(options: CallOptions = {}): Promise<void> {
    const answer = (await this.createEncodedBatch([], options)) as Partial<BatchAnswer> | null;
    if (answer?.created !== 0) {
      throw AuditrailError.local("bad_answer", `the server at ${this.url} does not answer like Auditrail`);
    }
  }

  /** The base URL of the service. */
  get url(): string {
    return this.#transport.url;
  }

  /** Encodes a record as JSON text with the API key redacted. @internal */
  encode(input: RecordInput): string {
    return this.#transport.redact(encodeRecord(input));
  }

  /** Every error that the service would find in an encoded record. @internal */
  errorsOf(text: string): FieldError[] {
    let record: unknown;
    try {
      record = parseExactly(text);
    } catch {
      // The API key was part of the syntax.
      return [{ pointer: "", code: "not_json", detail: "is not JSON after the API key was removed from it" }];
    }
    return recordErrors(record, this.#transport.serviceTime());
  }
}
