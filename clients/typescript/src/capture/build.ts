/** Makes the record of a request. */
import type { IncomingMessage } from "node:http";

import { asId, at, picked } from "../policy/pointer.js";
import { column, type Redaction } from "../policy/redact.js";
import type { Matched, ValueFrom } from "../policy/rule.js";
import type { Json, RecordInput } from "../types.js";
import type { Handle } from "./handle.js";
import type { Principal } from "./options.js";

/** How a request ended. */
export type Outcome = "success" | "failure" | "error" | "timeout" | "disconnected";

/** Everything a record is made of. */
export interface Facts {
  readonly request: IncomingMessage;
  readonly method: string;
  readonly matched: Matched;
  readonly handle: Handle;
  readonly principal: Principal;
  readonly address: string | undefined;
  readonly redaction: Redaction;
  readonly body: () => unknown;
  readonly response: () => unknown;
  /** How it ended; `undefined` for the intent. */
  readonly end: { readonly outcome: Outcome; readonly status: number | null; readonly durationMs: number } | undefined;
  /** The intent that this is the outcome of. */
  readonly intentId: string | undefined;
}

/** A record, and whether its target was found. */
export interface Built {
  readonly input: RecordInput;
  readonly targetKnown: boolean;
}

/** Most bytes of metadata; the service takes no more. */
const METADATA_MAX_BYTES = 64 * 1024;
/** What is left out first where that is too much. */
const CUT: readonly string[] = ["response", "request", "extra", "before", "after"];

/** Makes a record that the service takes, whatever the request was. */
export function build(facts: Facts): Built {
  const { rule } = facts.matched;
  const { principal, handle } = facts;
  const found = handle.target?.id || valueOf(rule.targetId, facts);
  const tenant = valueOf(rule.tenantId, facts) ?? principal.tenant_id;
  const agent = facts.request.headers["user-agent"];
  const input: RecordInput = {
    actor_type: principal.actor.type,
    actor_id: column(principal.actor.id, 500),
    action: rule.action,
    target_type: column(handle.target?.type || rule.targetType, 50),
    target_id: column(found ?? "unknown", 500),
    metadata: metadata(facts),
    request_id: handle.requestId,
    ...(facts.address === undefined ? {} : { ip_address: facts.address }),
    ...(agent === undefined ? {} : { user_agent: column(agent, 1_024) }),
    ...(tenant === undefined || tenant === "" ? {} : { tenant_id: column(tenant, 200) }),
  };
  return { input, targetKnown: found !== undefined };
}

function metadata(facts: Facts): { [key: string]: Json } {
  const { matched, handle, principal, end, redaction } = facts;
  const { rule } = matched;
  const clean = (document: unknown): Json | undefined => redaction.clean(picked(redaction.clean(document), rule.allow));
  const both = rule.level === "request_response";
  const all: { [key: string]: Json | undefined } = {
    http: {
      method: facts.method,
      route: rule.route.text,
      ...(end === undefined ? {} : { status: end.status, duration_ms: end.durationMs }),
    },
    outcome: end?.outcome,
    rule: rule.name,
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
  return fitting(Object.fromEntries(present));
}

function phase(facts: Facts): string | undefined {
  if (facts.end === undefined) {
    return "intent";
  }
  return facts.intentId === undefined ? undefined : "outcome";
}

/** The record matters more than any part of it, so parts are left out until it fits. */
function fitting(metadata: { [key: string]: Json }): { [key: string]: Json } {
  const truncated: string[] = [];
  let result = metadata;
  for (const name of CUT) {
    if (Buffer.byteLength(JSON.stringify(result)) <= METADATA_MAX_BYTES) {
      break;
    }
    if (result[name] !== undefined) {
      truncated.push(name);
      result = Object.fromEntries(Object.entries(result).filter(([key]) => key !== name));
      result["truncated"] = truncated;
    }
  }
  return result;
}

function valueOf(from: ValueFrom | undefined, facts: Facts): string | undefined {
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
