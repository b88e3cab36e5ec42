/// <reference types="node" preserve="true" />
/**
 * Auditrail for Node: who did what to what, from where and when.
 *
 * `AuditrailClient` maps the HTTP API to methods. `Recorder` delivers records durably while the service
 * may be unreachable. `Policy` is the policy file, which the middleware of `@auditrail/client/express`
 * and `@auditrail/client/fastify` applies. Nothing is logged: failures are errors, callbacks and counters, and
 * without a callback warnings of the process.
 */
export { AuditrailClient } from "./client.js";
export type { BatchOptions, ClientOptions, Created, ExportOptions } from "./client.js";
export { AuditrailError } from "./errors.js";
export type { ErrorFields } from "./errors.js";
export { ExactNumber } from "./exact-number.js";
export type { ExportFormat } from "./export.js";
export { Feed } from "./feed.js";
export type { FeedOptions } from "./feed.js";
export type { FeedItem, FeedStart, FollowOptions } from "./follow.js";
export type { KeyOptions } from "./key.js";
export { Match } from "./policy/match.js";
export type { Decision } from "./policy/match.js";
export { Policy } from "./policy/policy.js";
export type { CoverageReport, Uncovered } from "./policy/coverage.js";
export type { Level, Matched, Rule, ValueFrom } from "./policy/rule.js";
export { Recorder } from "./recorder/recorder.js";
export type { Flushed, Recorded } from "./recorder/recorder.js";
export type { DropReason, FailurePolicy, RecorderOptions } from "./recorder/options.js";
export type { RecorderStats } from "./recorder/counters.js";
export { Tail } from "./tail.js";
export type { TailOptions } from "./tail.js";
export type { CallOptions } from "./transport.js";
export type {
  ActionName,
  ActorType,
  AuditRecord,
  BatchAnswer,
  BatchError,
  FeedPosition,
  Facet,
  Facets,
  FieldError,
  Filters,
  Histogram,
  Interval,
  Json,
  JsonInput,
  JsonObject,
  MetadataInput,
  Page,
  Pagination,
  Query,
  RecordInput,
  RecordOutcome,
  Stats,
  ValueField,
  Values,
} from "./types.js";
