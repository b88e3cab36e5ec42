/**
 * The rules for a record to write, as the service checks them: the same errors, in the same order.
 *
 * `docs/record-vectors.json` has test vectors that all implementations share.
 */
import type { FieldError } from "../types.js";
import { ERRORS_MAX, MAX_CHARS, NAME_MAX_CHARS } from "./limits.js";
import { checkMetadata } from "./metadata.js";
import { checkTime } from "./time.js";
import { action, address, oneOf, type Rule, text, uuid, type ValueError } from "./value.js";

/** A field: its rule, and whether it must be present. */
interface Field {
  readonly rule: (value: unknown, now: number) => ValueError | undefined;
  readonly required: boolean;
}

const optional = (rule: Rule): Field => ({ rule: ofText(rule), required: false });
const required = (rule: Rule): Field => ({ rule: ofText(rule), required: true });

/** In the order in which errors are reported. */
const FIELDS: Readonly<Record<string, Field>> = {
  id: optional(uuid),
  actor_id: required(text(MAX_CHARS.actor_id)),
  actor_type: required(oneOf("user", "system", "api_key")),
  action: required(action(MAX_CHARS.action)),
  target_type: required(text(MAX_CHARS.target_type)),
  target_id: required(text(MAX_CHARS.target_id)),
  metadata: { rule: checkMetadata, required: false },
  ip_address: optional(address),
  user_agent: optional(text(MAX_CHARS.user_agent, "allowed")),
  created_at: { rule: (value, now) => ofText((text) => checkTime(text, now))(value, now), required: false },
  tenant_id: optional(text(MAX_CHARS.tenant_id)),
  request_id: optional(text(MAX_CHARS.request_id)),
  outcome: optional(oneOf("success", "failure", "denied", "unknown")),
  actor_name: optional(text(MAX_CHARS.actor_name)),
  target_name: optional(text(MAX_CHARS.target_name)),
  recorded_by: {
    rule: () => ({ code: "unknown_field", detail: "is set by the service or the database, never by the caller" }),
    required: false,
  },
};

/** Actions that only the service itself records. */
const RESERVED = "audit_log.";

/**
 * Returns every error of a record, as parsed from JSON; a record without errors is accepted by the service,
 * unless its id is taken, the key is of another tenant, or it claims a change of an API key of the service.
 *
 * `now` is the time of the service, in milliseconds since 1970.
 */
export function recordErrors(record: unknown, now: number): FieldError[] {
  if (typeof record !== "object" || record === null || Array.isArray(record)) {
    return [{ pointer: "", code: "wrong_type", detail: "must be an object" }];
  }
  const names = Object.keys(record);
  if (names.some((name) => !name.isWellFormed())) {
    return [{ pointer: "", code: "not_json", detail: "the name of a field contains half of a surrogate pair" }];
  }
  const fields = record as Readonly<Record<string, unknown>>;
  const errors: FieldError[] = [];
  for (const [name, { rule, required }] of Object.entries(FIELDS)) {
    const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (value !== undefined && value !== null) {
      const error = rule(value, now);
      errors.push(...(error === undefined ? [] : [{ pointer: `/${name}`, ...error }]));
    } else if (required) {
      errors.push({ pointer: `/${name}`, code: "required", detail: "is required" });
    }
    // After the rules of both columns, of which this one is the later.
    if (name === "actor_type") {
      errors.push(...systemActor(fields, errors));
    }
  }
  const unknown = "is not a field of a record; other facts belong into metadata";
  for (const name of names.filter((name) => !Object.hasOwn(FIELDS, name))) {
    errors.push({ pointer: pointer(name), code: "unknown_field", detail: unknown });
  }
  return errors.length === 0 ? reserved(fields) : errors.slice(0, ERRORS_MAX);
}

/** The id of a system actor is `system`. */
function systemActor(fields: Readonly<Record<string, unknown>>, errors: readonly FieldError[]): FieldError[] {
  const isOther = fields["actor_type"] === "system" && fields["actor_id"] !== "system";
  if (!isOther || errors.some(({ pointer }) => pointer === "/actor_id")) {
    return [];
  }
  const detail = 'must be "system" when the actor type is system';
  return [{ pointer: "/actor_id", code: "system_actor_id", detail }];
}

/** The service checks reserved actions of otherwise valid records only. */
function reserved(fields: Readonly<Record<string, unknown>>): FieldError[] {
  const detail = "is recorded by the service itself";
  const isReserved = String(fields["action"]).startsWith(RESERVED);
  return isReserved ? [{ pointer: "/action", code: "reserved_action", detail }] : [];
}

/** A rule of a text, for any value. */
function ofText(rule: Rule): Field["rule"] {
  return (value) => {
    if (typeof value !== "string") {
      return { code: "wrong_type", detail: "must be a string" };
    }
    if (!value.isWellFormed()) {
      const detail = "contains half of a surrogate pair, which is not a character";
      return { code: "unstorable_text", detail };
    }
    return rule(value);
  };
}

/** The JSON pointer of a member; long names are truncated. */
function pointer(name: string): string {
  const short = [...name].slice(0, NAME_MAX_CHARS).join("");
  const cut = short.length < name.length ? "…" : "";
  return `/${short.replaceAll("~", "~0").replaceAll("/", "~1")}${cut}`;
}
