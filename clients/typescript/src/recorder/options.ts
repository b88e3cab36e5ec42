/** Configuration of a recorder. */
import { TIMER_MAX_MS } from "../clock.js";
import { AuditrailError } from "../errors.js";
import type { AuditrailClient } from "../client.js";
import type { RecordInput } from "../types.js";

/**
 * What happens while the service is unreachable.
 *
 * - `must`: `record` resolves when the service has acknowledged the record, else rejects.
 * - `spool`: `record` resolves when the record is durable on the local disk; it is delivered later.
 * - `best_effort`: `record` never rejects; lost records are counted.
 */
export type FailurePolicy = "must" | "spool" | "best_effort";

/** All policies. */
export const FAILURE_POLICIES: readonly FailurePolicy[] = ["must", "spool", "best_effort"];

/** Why a record was dropped. */
export type DropReason =
  | "queue_full"
  | "displaced"
  | "spool_full"
  | "spool_failed"
  | "no_spool"
  | "not_acknowledged"
  | "not_allowed"
  | "closed";

/** An encoded record. */
export interface Prepared {
  /** Its JSON text. */
  text: string;
  /** Whether the recorder, not the application, set its time, as the first member of the text. */
  stamped: boolean;
}

/** Configuration of a recorder. */
export interface RecorderOptions {
  /** The client that sends the records. */
  readonly client: AuditrailClient;
  /** The default policy. Default: `spool` if there is a spool directory, else `must`. */
  readonly failure?: FailurePolicy | undefined;
  /** Policies by action, or by prefix: `project.*` matches every action that starts with `project.`. */
  readonly actions?: Readonly<Record<string, FailurePolicy>> | undefined;
  /** The spool directory: used by this process only, on a local disk. */
  readonly spoolDir?: string | undefined;
  /** Maximum bytes of the spool. Default 256 MiB. */
  readonly spoolMaxBytes?: number | undefined;
  /**
   * Maximum bytes of `refused.ndjson` in the spool directory, where the records that the service refuses are kept
   * with the reason. Default 64 MiB.
   */
  readonly deadLettersMaxBytes?: number | undefined;
  /** Maximum records in memory, all policies together. Default 10,000. */
  readonly queueMaxRecords?: number | undefined;
  /** Maximum bytes of records in memory. Default 16 MiB. */
  readonly queueMaxBytes?: number | undefined;
  /** Maximum records of a request. Default 500. */
  readonly batchMaxRecords?: number | undefined;
  /** Maximum bytes of a request. Default 1 MiB. */
  readonly batchMaxBytes?: number | undefined;
  /**
   * How long a record waits for a batch to fill, in milliseconds; `must` records do not wait. Default
   * 1,000.
   */
  readonly lingerMs?: number | undefined;
  /** How long a `must` record is retried before it fails, in milliseconds. Default 10,000. */
  readonly mustTimeoutMs?: number | undefined;
  /** Timeout of a request in milliseconds. Default 15,000; the service itself times out after 10 s. */
  readonly requestTimeoutMs?: number | undefined;
  /** Upper bound of the first pause between retries (full jitter), in milliseconds. Default 100. */
  readonly retryBaseMs?: number | undefined;
  /** Upper bound of all pauses between retries. Default 30,000. */
  readonly retryCapMs?: number | undefined;
  /**
   * Whether to check after opening, in the background, that the service is reachable and the API key may write;
   * `onTrouble` gets the error. Default true.
   */
  readonly checkOnOpen?: boolean | undefined;
  /**
   * Called for each record that is invalid or that the service permanently rejects. Without this callback the
   * process gets a warning, once per error code.
   */
  readonly onRefused?: ((record: RecordInput, error: AuditrailError) => void) | undefined;
  /** Called for each dropped record, with the reason. Without this callback: a warning, once per reason. */
  readonly onDropped?: ((record: RecordInput | undefined, reason: DropReason) => void) | undefined;
  /**
   * Called when delivery starts to fail, such as for a wrong API key or URL, and with `undefined` when it
   * recovers; not for each failure. Without this callback: a warning, once per error code.
   */
  readonly onTrouble?: ((error: AuditrailError | undefined) => void) | undefined;
}

/** The configuration with all defaults applied. */
export interface Settings {
  readonly failure: FailurePolicy;
  readonly actions: Readonly<Record<string, FailurePolicy>>;
  readonly spoolMaxBytes: number;
  readonly deadLettersMaxBytes: number;
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

const MIB = 1024 * 1024;

/** Applies the defaults and validates the options. */
export function settings(options: RecorderOptions): Settings {
  // Plain JavaScript may leave it out.
  if (typeof (options as Partial<RecorderOptions> | undefined)?.client?.createEncodedBatch !== "function") {
    throw invalid("`client` is needed: an `AuditrailClient`");
  }
  const settings: Settings = {
    failure: options.failure ?? (options.spoolDir === undefined ? "must" : "spool"),
    actions: options.actions ?? {},
    spoolMaxBytes: positive("spoolMaxBytes", options.spoolMaxBytes ?? 256 * MIB),
    deadLettersMaxBytes: positive("deadLettersMaxBytes", options.deadLettersMaxBytes ?? 64 * MIB),
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
    throw invalid(`\`${String(unknown)}\` is not a failure policy; use one of ${FAILURE_POLICIES.join(", ")}`);
  }
  if (options.spoolDir === undefined && policies.includes("spool")) {
    throw AuditrailError.local("no_spool", "the policy `spool` needs `spoolDir`");
  }
  return settings;
}

/** The policy of an action: that of the exact action, of its longest prefix, or the default. */
export function policyOf(settings: Settings, action: unknown): FailurePolicy {
  if (typeof action !== "string") {
    return settings.failure;
  }
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

function duration(name: string, value: number, min = 1): number {
  if (value > TIMER_MAX_MS) {
    throw invalid(`\`${name}\` must be at most ${TIMER_MAX_MS} ms (24 days)`);
  }
  return positive(name, value, min);
}

function positive(name: string, value: number, min = 1): number {
  if (!Number.isFinite(value) || value < min) {
    throw invalid(`\`${name}\` must be a number of at least ${min}`);
  }
  return value;
}

function invalid(detail: string): AuditrailError {
  return AuditrailError.local("invalid_option", detail);
}
