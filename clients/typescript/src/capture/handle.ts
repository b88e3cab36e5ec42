/** The handle by which a handler amends the record of its request. */
import { isDeepStrictEqual } from "node:util";

import type { Redaction } from "../policy/redact.js";
import { asId } from "../policy/pointer.js";
import type { Json } from "../types.js";

/** The handle `request.audit`. Without a matching rule it has no effect. */
export interface AuditHandle {
  /** The request id, as in its records and in the header `X-Request-Id`. */
  readonly requestId: string;
  /** Sets the target, which takes precedence over that of the rule. */
  setTarget(target: { readonly id: string; readonly type?: string | undefined }): void;
  /** Adds members to `metadata.extra`, redacted by the policy. */
  addMetadata(values: Readonly<Record<string, unknown>>): void;
  /** Records the state before and after. Of two objects, only the members that differ are recorded. */
  diff(before: unknown, after: unknown): void;
  /**
   * Suppresses the record of this request. With `must` the intent is written already and still gets its
   * outcome.
   */
  skip(): void;
}

/** The implementation, with the values set by the handler. */
export class Handle implements AuditHandle {
  readonly requestId: string;
  readonly #redaction: Redaction;
  target: { readonly id: string; readonly type?: string | undefined } | undefined;
  extra: Record<string, Json> | undefined;
  before: Json | undefined;
  after: Json | undefined;
  skipped = false;

  constructor(requestId: string, redaction: Redaction) {
    this.requestId = requestId;
    this.#redaction = redaction;
  }

  setTarget(target: { readonly id: string; readonly type?: string | undefined }): void {
    const id = asId(target.id);
    this.target = id === undefined ? undefined : { id, type: asId(target.type) };
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
