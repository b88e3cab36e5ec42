/** The handle by which a handler amends the record of its request. */
import { isDeepStrictEqual } from "node:util";

import type { Redaction } from "../policy/redact.js";
import { asId } from "../policy/pointer.js";
import type { ActionName, Json, RecordInput } from "../types.js";

/** A target that a handler sets. */
export interface HandledTarget {
  readonly id: string;
  readonly type?: string | undefined;
  readonly name?: string | undefined;
}

/** The handle `request.audit`. Without a matching rule it has no effect. */
export interface AuditHandle {
  /** The request id, as in its records and in the header `X-Request-Id`. */
  readonly requestId: string;
  /** Sets the target, which takes precedence over that of the rule. Its name is for people. */
  setTarget(target: HandledTarget): void;
  /** Sets the name of the target for people, as it is now, whatever its id comes from. */
  setTargetName(name: string): void;
  /** Adds members to `metadata.extra`, redacted by the policy. */
  addMetadata(values: Readonly<Record<string, unknown>>): void;
  /** Records the state before and after. Of two objects, only the members that differ are recorded. */
  diff(before: unknown, after: unknown): void;
  /**
   * Returns the record of this request with all that the middleware knows, for a handler that writes it itself: in the
   * transaction of its change, by the SQL function `record_audit_log`. The action and the target are those of the rule
   * unless given; without a rule both are needed. Do not change the id. Further inputs of a request are additional
   * records.
   *
   * After `committed` the rule is satisfied. Without that call, because the transaction was rolled back, the middleware
   * writes the record of the rule as usual, with the same id, so that there are never two.
   *
   * Rejects with `invalid_option` without an action or target type.
   */
  input(action?: ActionName, target?: HandledTarget): Promise<RecordInput>;
  /** Confirms that the record of `input` is committed. Call it after the commit succeeded, never before. */
  committed(record: { readonly id?: string | null | undefined }): void;
  /**
   * Suppresses the record of this request. With `must` the intent is written already and still gets its
   * outcome.
   */
  skip(): void;
}

/** What the request has for a handler that writes the record. */
export interface HandlerRecord {
  readonly input: (action?: ActionName) => Promise<RecordInput>;
  readonly committed: (id: string | null | undefined) => void;
}

/** The implementation, with the values set by the handler. */
export class Handle implements AuditHandle {
  readonly requestId: string;
  readonly #redaction: Redaction;
  readonly #own: HandlerRecord;
  target: { readonly id: string; readonly type: string | undefined } | undefined;
  targetName: string | undefined;
  extra: Record<string, Json> | undefined;
  before: Json | undefined;
  after: Json | undefined;
  skipped = false;

  constructor(requestId: string, redaction: Redaction, own: HandlerRecord) {
    this.requestId = requestId;
    this.#redaction = redaction;
    this.#own = own;
  }

  async input(action?: ActionName, target?: HandledTarget): Promise<RecordInput> {
    if (target !== undefined) {
      this.setTarget(target);
    }
    return this.#own.input(action);
  }

  committed({ id }: { readonly id?: string | null | undefined }): void {
    this.#own.committed(id);
  }

  setTarget(target: HandledTarget): void {
    const id = asId(target.id);
    this.target = id === undefined ? undefined : { id, type: asId(target.type) };
    this.targetName = asId(target.name) ?? this.targetName;
  }

  setTargetName(name: string): void {
    this.targetName = asId(name);
  }

  addMetadata(values: Readonly<Record<string, unknown>>): void {
    const clean = this.#redaction.clean(values);
    if (isObject(clean)) {
      this.extra = { ...this.extra, ...clean };
    }
  }

  diff(before: unknown, after: unknown): void {
    this.before = this.#redaction.clean(before);
    this.after = this.#redaction.clean(after);
    if (isObject(this.before) && isObject(this.after)) {
      const oldValues = this.before;
      const newValues = this.after;
      this.before = changed(oldValues, newValues);
      this.after = changed(newValues, oldValues);
    }
  }

  skip(): void {
    this.skipped = true;
  }
}

type JsonRecord = { readonly [key: string]: Json };

function isObject(value: Json | undefined): value is JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function changed(values: JsonRecord, others: JsonRecord): JsonRecord {
  return Object.fromEntries(Object.entries(values).filter(([name, value]) => !isDeepStrictEqual(value, others[name])));
}
