/** The types of the API, derived from `generated/openapi.ts`, which is generated from `openapi.json`. */
import type { ExactNumber } from "./exact-number.js";
import type { components, operations } from "./generated/openapi.js";

type Schemas = components["schemas"];

/** A JSON value. A number that a JavaScript number cannot express exactly is an `ExactNumber`. */
export type Json = null | boolean | number | string | ExactNumber | readonly Json[] | { readonly [key: string]: Json };

/** A JSON object. */
export type JsonObject = { readonly [key: string]: Json };

/** A JSON value to write; a BigInt becomes a number. */
export type JsonInput =
  | null
  | boolean
  | number
  | bigint
  | string
  | ExactNumber
  | readonly JsonInput[]
  | { readonly [key: string]: JsonInput };

/** The metadata of a record to write: at most 64 KiB as text, 32 levels, and 1,000 digits a number. */
export type MetadataInput = { readonly [key: string]: JsonInput };

/** The name of an action: `resource.verb`, such as `project.created`. */
export type ActionName = `${string}.${string}`;

/** A record to write. */
export type RecordInput = Omit<Schemas["CreateInput"], "action" | "metadata"> & {
  /** The action as `resource.verb`, such as `project.created`. */
  action: ActionName;
  /** Additional data. */
  metadata?: MetadataInput | null;
};

/**
 * A stored record. Without `recorded_by`, which the service sets, it can be written again:
 * `const { recorded_by, ...input } = record`.
 */
export type AuditRecord = Omit<Schemas["Record"], "action" | "metadata"> & {
  /** The action as `resource.verb`, such as `project.created`. */
  action: ActionName;
  /** Additional data, with exact numbers. */
  metadata: JsonObject | null;
};

/** The position of a page, and the cursors of the next and of the one before. */
export type Pagination = Schemas["Pagination"];

/** A page of a search. */
export interface Page {
  /** The records. */
  data: AuditRecord[];
  /** Its position. */
  pagination: Pagination;
}

/** A position in the order of the log, to be stored. */
export type FeedPosition = Schemas["FeedPosition"];

/** Counts of matching records. */
export type Stats = Schemas["Stats"];

/** Counts of matching records by buckets of time. */
export type Histogram = Schemas["Histogram"];

/** The most frequent values of fields among matching records. */
export type Facets = Schemas["Facets"];

/** The values of a field that start with a prefix. */
export type Values = Schemas["Values"];

/** A record of a batch that was rejected. */
export type BatchError = Schemas["BatchError"];

/** The result of a batch. `created`, `duplicates` and `rejected` add up to its size. */
export type BatchAnswer = Omit<Schemas["BatchAnswer"], "records"> & {
  /** With `returnFull`: the records in the order of the request, null for a rejected one. */
  records?: (AuditRecord | null)[];
};

/** An invalid field or parameter. */
export type FieldError = Schemas["FieldError"];

type ExportQuery = operations["export"]["parameters"]["query"];
type ListQuery = NonNullable<operations["list"]["parameters"]["query"]>;

/** Filters of a search; a record must match all of them. The names are those of the HTTP API and of the CLI. */
export type Filters = Omit<ExportQuery, "format" | "bom" | "metadata"> & {
  /** Top-level members of `metadata` and their required values. */
  metadata?: Readonly<Record<string, string>>;
};

/** A search: filters and pagination. */
export type Query = Filters & Pick<ListQuery, "limit" | "order" | "cursor" | "offset" | "around" | "count">;

/** The interval of counts over time; by default the shortest that covers the range. */
export type Interval = NonNullable<NonNullable<operations["stats"]["parameters"]["query"]>["interval"]>;

/** A field whose most frequent values are counted. */
export type Facet = NonNullable<NonNullable<operations["facets"]["parameters"]["query"]>["fields"]>[number];

/** A field whose values are listed. */
export type ValueField = operations["values"]["parameters"]["query"]["field"];

/** How an action ended. */
export type RecordOutcome = NonNullable<RecordInput["outcome"]>;

/** The kind of an actor. */
export type ActorType = RecordInput["actor_type"];
