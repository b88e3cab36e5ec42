/** The shapes of the service, from its own description; `generated/openapi.ts` is made by a tool. */
import type { components, operations } from "./generated/openapi.js";

type Schemas = components["schemas"];

/** Whatever JSON can hold. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A JSON object: what `metadata` is. At most 64 KiB as text and 32 levels. */
export type JsonObject = { readonly [key: string]: Json };

/** A record to write. */
export type RecordInput = Omit<Schemas["CreateInput"], "metadata"> & {
  /** Whatever else there is to say. */
  metadata?: JsonObject | null;
};

/** A record as it is stored. */
export type AuditRecord = Omit<Schemas["Record"], "metadata"> & {
  /** Whatever else there is to say. */
  metadata: JsonObject | null;
};

/** Where a page is and how to get the next. */
export type Pagination = Schemas["Pagination"];

/** A page of a search, newest first. */
export interface Page {
  /** The records. */
  data: AuditRecord[];
  /** Where this page is. */
  pagination: Pagination;
}

/** How many records match, and how they spread. */
export type Stats = Schemas["Stats"];

/** Why a record of a batch could not be written. */
export type BatchError = Schemas["BatchError"];

/** What became of a batch. `created`, `duplicates` and `rejected` add up to its size. */
export type BatchAnswer = Omit<Schemas["BatchAnswer"], "records"> & {
  /** With `returnFull`: the records in the order they were sent, null for one that was refused. */
  records?: (AuditRecord | null)[];
};

/** One wrong field or parameter. */
export type FieldError = Schemas["FieldError"];

type ExportQuery = operations["export"]["parameters"]["query"];
type ListQuery = NonNullable<operations["list"]["parameters"]["query"]>;

/** Which records: all filters must hold. */
export type Filters = Omit<ExportQuery, "format"> & {
  /** Top-level members of `metadata` that must have these values. */
  metadata?: Readonly<Record<string, string>>;
};

/** A search: filters, and which part of what matches. */
export type Query = Filters & Pick<ListQuery, "limit" | "cursor" | "offset" | "count">;

/** How counts are spread over time; by default the shortest that shows everything. */
export type Interval = NonNullable<NonNullable<operations["stats"]["parameters"]["query"]>["interval"]>;

/** The kind of an actor. */
export type ActorType = RecordInput["actor_type"];
