/** Builds the record of a request. */
import type { IncomingMessage } from "node:http";

import { asId, at, picked } from "../policy/pointer.js";
import { column, type Redaction } from "../policy/redact.js";
import { isUnruled, type Matched, type ValueFrom } from "../policy/rule.js";
import { MAX_CHARS, METADATA_MAX_BYTES } from "../record/limits.js";
import type { ActionName, Json, RecordInput, RecordOutcome } from "../types.js";
import type { Handle } from "./handle.js";
import type { Principal } from "./options.js";

/** The end of a request, as in `metadata.outcome`. */
export type Outcome = "success" | "failure" | "error" | "timeout" | "disconnected";

/** How a request ended. */
export interface RequestEnd {
  readonly outcome: Outcome;
  /** Null if there was none; undefined, as the duration, in a record that the handler writes. */
  readonly status?: number | null;
  readonly durationMs?: number;
}

/** The data that a record is built from. */
export interface RequestFacts {
  readonly request: IncomingMessage;
  readonly method: string;
  readonly matched: Matched;
  /** The rules of other readings of an ambiguous path. */
  readonly others: readonly Matched[];
  /** The action, if it is not that of the rule. */
  readonly action: ActionName | undefined;
  readonly handle: Handle;
  readonly principal: Principal;
  readonly address: string | undefined;
  readonly redaction: Redaction;
  readonly body: () => unknown;
  readonly response: () => unknown;
  /** The end of the request; `undefined` for the intent. */
  readonly end: RequestEnd | undefined;
  /** The id of the intent that this outcome belongs to. */
  readonly intentId: string | undefined;
}

/** A record, and whether its target is known. */
export interface BuiltRecord {
  readonly input: RecordInput;
  readonly targetKnown: boolean;
}

/** Maximum rules in `other_readings`. */
const OTHER_READINGS_MAX = 8;

/** Members that are removed, in this order, if the metadata is too large. */
const REMOVABLE: readonly string[] = ["response", "request", "extra", "before", "after"];

/** Builds a record that is valid for the service, whatever the request contains. */
export function buildRecord(facts: RequestFacts): BuiltRecord {
  const { rule } = facts.matched;
  const { principal, handle } = facts;
  const targetId = handle.target?.id || valueOf(rule.targetId, facts);
  const tenant = valueOf(rule.tenantId, facts) ?? principal.tenant_id;
  const { name } = principal;
  const { targetName } = handle;
  const agent = facts.request.headers["user-agent"];
  const input: RecordInput = {
    actor_type: principal.actor.type,
    actor_id: column(principal.actor.id, MAX_CHARS.actor_id),
    // The policy file has checked it.
    action: facts.action ?? (rule.action as ActionName),
    target_type: column(handle.target?.type || rule.targetType, MAX_CHARS.target_type),
    target_id: column(targetId ?? "unknown", MAX_CHARS.target_id),
    metadata: metadata(facts),
    outcome: outcome(facts.end),
    request_id: handle.requestId,
    ...(facts.address === undefined ? {} : { ip_address: facts.address }),
    ...(agent === undefined ? {} : { user_agent: column(agent, MAX_CHARS.user_agent) }),
    ...(tenant === undefined || tenant === "" ? {} : { tenant_id: column(tenant, MAX_CHARS.tenant_id) }),
    ...(name === undefined ? {} : { actor_name: column(name, MAX_CHARS.actor_name) }),
    ...(targetName === undefined ? {} : { target_name: column(targetName, MAX_CHARS.target_name) }),
  };
  return { input, targetKnown: targetId !== undefined };
}

/** The column `outcome`. It is unknown for an intent, and if the end of the request was not observed. */
function outcome(end: RequestFacts["end"]): RecordOutcome {
  switch (end?.outcome) {
    case "success":
      return "success";
    case "failure":
      return end.status === 401 || end.status === 403 ? "denied" : "failure";
    case "error":
      return "failure";
    default:
      return "unknown";
  }
}

function metadata(facts: RequestFacts): { [key: string]: Json } {
  const { matched, handle, principal, end, redaction } = facts;
  const { rule } = matched;
  const clean = (document: unknown): Json | undefined => redaction.clean(picked(redaction.clean(document), rule.allow));
  const both = rule.level === "request_response";
  const all: { [key: string]: Json | undefined } = {
    http: {
      method: facts.method,
      ...(isUnruled(rule) ? {} : { route: rule.route.text }),
      ...(end?.status === undefined ? {} : { status: end.status, duration_ms: end.durationMs ?? null }),
    },
    outcome: end?.outcome,
    rule: isUnruled(rule) ? undefined : rule.name,
    other_readings: facts.others.length === 0 ? undefined : otherReadings(facts),
    impersonator: principal.impersonator === undefined ? undefined : column(principal.impersonator, 500),
    credential_id: principal.credential_id === undefined ? undefined : column(principal.credential_id, 500),
    phase: phase(facts),
    intent_id: facts.intentId,
    request: rule.level === "request" || both ? clean(facts.body()) : undefined,
    response: both && end !== undefined ? clean(facts.response()) : undefined,
    before: handle.before,
    after: handle.after,
    extra: handle.extra,
  };
  const present = Object.entries(all).filter((entry): entry is [string, Json] => entry[1] !== undefined);
  return truncated(Object.fromEntries(present));
}

/** What the request is by other readings of its path. Ids from bodies are left out. */
function otherReadings(facts: RequestFacts): Json {
  return facts.others.slice(0, OTHER_READINGS_MAX).map((matched) => {
    const { name, level, action, targetId } = matched.rule;
    const isInBody = targetId?.kind === "body" || targetId?.kind === "response";
    const id = isInBody ? undefined : valueOf(targetId, { ...facts, matched });
    return {
      rule: name,
      ...(level === "none" ? {} : { action }),
      ...(id === undefined ? {} : { target_id: column(id, MAX_CHARS.target_id) }),
    };
  });
}

function phase(facts: RequestFacts): string | undefined {
  if (facts.end === undefined) {
    return "intent";
  }
  return facts.intentId === undefined ? undefined : "outcome";
}

/** Removes members until the metadata is within its limit, and names them in `truncated`. */
function truncated(metadata: { [key: string]: Json }): { [key: string]: Json } {
  const removed: string[] = [];
  let result = metadata;
  for (const name of REMOVABLE) {
    if (Buffer.byteLength(JSON.stringify(result)) <= METADATA_MAX_BYTES) {
      break;
    }
    if (result[name] !== undefined) {
      removed.push(name);
      result = Object.fromEntries(Object.entries(result).filter(([key]) => key !== name));
      result["truncated"] = removed;
    }
  }
  return result;
}

function valueOf(from: ValueFrom | undefined, facts: RequestFacts): string | undefined {
  switch (from?.kind) {
    case "path":
      return asId(facts.matched.params[from.name]);
    case "header": {
      const value = facts.request.headers[from.name];
      return asId(Array.isArray(value) ? value.join(", ") : value);
    }
    case "body":
      return asId(at(facts.body(), from.steps));
    case "response":
      return asId(at(facts.response(), from.steps));
    case "value":
      return from.text;
    default:
      return undefined;
  }
}
