/** What a recorder can be told, and what it does untold. */
import { TIMER_MAX_MS } from "../clock.js";
import { AuditrailError } from "../errors.js";
import type { AuditrailClient } from "../client.js";
import type { RecordInput } from "../types.js";

/**
 * What happens when the service cannot be reached.
 *
 * - `must`: `record` resolves only when the service acknowledged, else rejects.
 * - `spool`: `record` resolves when the record is durable on the local disk; it is delivered later.
 * - `best_effort`: `record` never rejects; what is lost is counted.
 */
export type FailurePolicy = "must" | "spool" | "best_effort";

/** All policies. */
export const FAILURE_POLICIES: readonly FailurePolicy[] = ["must", "spool", "best_effort"];

/** Why a record was given up. */
export type DropReason =
  | "queue_full"
  | "displaced"
  | "spool_full"
  | "spool_failed"
  | "no_spool"
  | "not_acknowledged"
  | "not_allowed"
  | "too_large"
  | "not_json"
  | "closed";

/** A record as the recorder sends it. */
export interface Prepared {
  /** Its JSON text. */
  readonly text: string;
}

/** What a recorder can be told. */
export interface RecorderOptions {
  /** What sends the records. */
  readonly client: AuditrailClient;
  /** The policy of records that have no other. Default: `spool` with a spool directory, else `must`. */
  readonly failure?: FailurePolicy | undefined;
  /** Policies by action: exactly, or `project.*` for every action that starts with `project.`. */
  readonly actions?: Readonly<Record<string, FailurePolicy>> | undefined;
  /** Where the policy `spool` keeps records: a directory of this process alone, on a local disk. */
  readonly spoolDir?: string | undefined;
  /** Most bytes of the spool. Default 256 MiB. */
  readonly spoolMaxBytes?: number | undefined;
  /** Most records in memory, of all policies together. Default 10,000. */
  readonly queueMaxRecords?: number | undefined;
  /** Most bytes of records in memory. Default 16 MiB. */
  readonly queueMaxBytes?: number | undefined;
  /** Most records in a request. Default 500. */
  readonly batchMaxRecords?: number | undefined;
  /** Most bytes in a request. Default 1 MiB. */
  readonly batchMaxBytes?: number | undefined;
  /** How long a record may wait for company, in milliseconds; `must` does not. Default 1,000. */
  readonly lingerMs?: number | undefined;
  /** How long a `must` record may take to be acknowledged, in milliseconds. Default 10,000. */
  readonly mustTimeoutMs?: number | undefined;
  /** How long one request may take, in milliseconds. Default 15,000: the service gives up after 10 s. */
  readonly requestTimeoutMs?: number | undefined;
  /** The first pause before a retry, in milliseconds, of which chance takes its share. Default 100. */
  readonly retryBaseMs?: number | undefined;
  /** The longest such pause. Default 30,000. */
  readonly retryCapMs?: number | undefined;
  /** Told of each record that the service refused for good. */
  readonly onRefused?: ((record: RecordInput, error: AuditrailError) => void) | undefined;
  /** Told of each record that was given up, with the reason. */
  readonly onDropped?: ((record: RecordInput | undefined, reason: DropReason) => void) | undefined;
  /** Told when delivery begins to fail, and when it works again (`undefined`). Not of each failure. */
  readonly onTrouble?: ((error: AuditrailError | undefined) => void) | undefined;
}

/** The same with every default in place. */
export interface Settings {
  readonly failure: FailurePolicy;
  readonly actions: Readonly<Record<string, FailurePolicy>>;
  readonly spoolMaxBytes: number;
  readonly queueMaxRecords: number;
  readonly queueMaxBytes: number;
  readonly batchMaxRecords: number;
  readonly batchMaxBytes: number;
  readonly lingerMs: number;
  readonly mustTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly retryBaseMs: number;
  readonly retryCapMs: number;
}

/** Most bytes of one record as JSON text; the service takes about half of it. */
export const RECORD_MAX_BYTES = 256 * 1024;

const MIB = 1024 * 1024;

/** Puts the defaults in place and refuses what makes no sense. */
export function settings(options: RecorderOptions): Settings {
  const settings: Settings = {
    failure: options.failure ?? (options.spoolDir === undefined ? "must" : "spool"),
    actions: options.actions ?? {},
    spoolMaxBytes: positive("spoolMaxBytes", options.spoolMaxBytes ?? 256 * MIB),
    queueMaxRecords: positive("queueMaxRecords", options.queueMaxRecords ?? 10_000),
    queueMaxBytes: positive("queueMaxBytes", options.queueMaxBytes ?? 16 * MIB),
    batchMaxRecords: positive("batchMaxRecords", options.batchMaxRecords ?? 500),
    batchMaxBytes: positive("batchMaxBytes", options.batchMaxBytes ?? MIB),
    lingerMs: duration("lingerMs", options.lingerMs ?? 1_000, 0),
    mustTimeoutMs: duration("mustTimeoutMs", options.mustTimeoutMs ?? 10_000),
    requestTimeoutMs: duration("requestTimeoutMs", options.requestTimeoutMs ?? 15_000),
    retryBaseMs: duration("retryBaseMs", options.retryBaseMs ?? 100),
    retryCapMs: duration("retryCapMs", options.retryCapMs ?? 30_000),
  };
  const policies = [settings.failure, ...Object.values(settings.actions)];
  const unknown = policies.find((policy) => !FAILURE_POLICIES.includes(policy));
  if (unknown !== undefined) {
    throw invalid(`\`${String(unknown)}\` is no failure policy; use ${FAILURE_POLICIES.join(", ")}`);
  }
  if (options.spoolDir === undefined && policies.includes("spool")) {
    throw AuditrailError.local("no_spool", "the policy `spool` needs `spoolDir`");
  }
  return settings;
}

/** The policy of an action: its own, that of the longest prefix, or the default. */
export function policyOf(settings: Settings, action: string): FailurePolicy {
  let best: { length: number; policy: FailurePolicy } | undefined;
  for (const [pattern, policy] of Object.entries(settings.actions)) {
    if (pattern === action) {
      return policy;
    }
    const prefix = pattern.endsWith(".*") ? pattern.slice(0, -1) : undefined;
    if (prefix !== undefined && action.startsWith(prefix) && prefix.length > (best?.length ?? 0)) {
      best = { length: prefix.length, policy };
    }
  }
  return best?.policy ?? settings.failure;
}

function duration(name: string, value: number, least = 1): number {
  if (value > TIMER_MAX_MS) {
    throw invalid(`\`${name}\` must be at most ${TIMER_MAX_MS} ms, which are 24 days`);
  }
  return positive(name, value, least);
}

function positive(name: string, value: number, least = 1): number {
  if (!Number.isFinite(value) || value < least) {
    throw invalid(`\`${name}\` must be a number of at least ${least}`);
  }
  return value;
}

function invalid(detail: string): AuditrailError {
  return AuditrailError.local("invalid_option", detail);
}
