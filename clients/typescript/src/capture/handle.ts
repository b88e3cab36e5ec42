/** What a handler may say about the record of its request. */
import { isDeepStrictEqual } from "node:util";

import type { Redaction } from "../policy/redact.js";
import { asId } from "../policy/pointer.js";
import type { Json } from "../types.js";

/** Is on every request as `request.audit`; without a rule for the request it changes nothing. */
export interface AuditHandle {
  /** The id of the request: of its records, and of the header `X-Request-Id`. */
  readonly requestId: string;
  /** Says what is acted upon, instead of what the rule says. */
  setTarget(target: { readonly id: string; readonly type?: string | undefined }): void;
  /** Adds to `metadata.extra`. What the policy removes is removed. */
  addMetadata(values: Readonly<Record<string, unknown>>): void;
  /** Says what was there before and after. Of two objects, only fields that differ are recorded. */
  diff(before: unknown, after: unknown): void;
  /** Leaves no record of this request. With `must` the intent is there already and gets its outcome. */
  skip(): void;
}

/** The handle, and what was said. */
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
    const [id, type] = [asId(target.id), asId(target.type)];
    this.target = id === undefined ? undefined : { id, type };
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
      const [old, fresh] = [this.before, this.after];
      this.before = changed(old, fresh);
      this.after = changed(fresh, old);
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
