/** One rule of a policy. */
import type { FailurePolicy } from "../recorder/options.js";
import type { Table } from "./file.js";
import { type Params, RoutePattern, StatusPattern } from "./pattern.js";
import type { Redaction } from "./redact.js";

/** How much is recorded; `none` marks a request as deliberately not recorded. */
export type Level = "none" | "metadata" | "request" | "request_response";

/** The source of an id. */
export type ValueFrom =
  | { readonly kind: "path"; readonly name: string }
  | { readonly kind: "header"; readonly name: string }
  | { readonly kind: "body"; readonly steps: readonly string[] }
  | { readonly kind: "response"; readonly steps: readonly string[] }
  | { readonly kind: "value"; readonly text: string };

/** A rule: which requests are recorded, and how. */
export interface Rule {
  /** Its name; defaults to its methods and route. */
  readonly name: string;
  /** In upper case; empty matches every method. */
  readonly methods: readonly string[];
  readonly route: RoutePattern;
  /** Empty matches every status. */
  readonly status: readonly StatusPattern[];
  readonly level: Level;
  readonly action: string;
  readonly targetType: string;
  readonly targetId: ValueFrom | undefined;
  /** Whether a request whose target is unknown is rejected before the handler runs. */
  readonly requiresTarget: boolean;
  readonly tenantId: ValueFrom | undefined;
  readonly failure: FailurePolicy;
  readonly allow: readonly (readonly string[])[];
}

/** A matching rule with the values of its route's parameters. */
export interface Matched {
  readonly rule: Rule;
  readonly params: Params;
}

/** In place of a rule, for the record that a handler writes of a request that no rule matches. */
const UNRULED: Rule = {
  name: "",
  methods: [],
  route: new RoutePattern("/"),
  status: [],
  level: "metadata",
  action: "",
  targetType: "",
  targetId: undefined,
  requiresTarget: false,
  tenantId: undefined,
  failure: "best_effort",
  allow: [],
};

/** In place of a matching rule. */
export const UNMATCHED: Matched = { rule: UNRULED, params: {} };

/** Whether a rule is only in place of one. */
export function isUnruled(rule: Rule): boolean {
  return rule === UNRULED;
}

const LEVELS: readonly Level[] = ["none", "metadata", "request", "request_response"];
const KEYS = [
  "name",
  "methods",
  "route",
  "status",
  "level",
  "action",
  "target_type",
  "target_id",
  "require_target",
  "tenant_id",
  "failure",
  "allow",
];
const SOURCES = ["path", "header", "body", "response", "value"] as const;

/** Defaults from the top level of the policy. */
export interface Defaults {
  readonly failure: FailurePolicy;
  readonly redaction: Redaction;
}

/** Parses a `[[rule]]`. */
export function readRule(table: Table, defaults: Defaults): Rule {
  table.known(KEYS);
  const route = table.text("route");
  if (route === undefined) {
    throw table.wrong(undefined, "a rule needs `route`, such as \"/v1/projects/{id}\"");
  }
  const pattern = table.convert("route", () => new RoutePattern(route));
  const methods = (table.texts("methods") ?? []).map((method) => method.toUpperCase());
  if (methods.some((method) => !/^[A-Z]+$/.test(method))) {
    throw table.wrong("methods", "`methods` must name HTTP methods, such as \"POST\"");
  }
  const status = table.texts("status") ?? [];
  const level = table.choice("level", LEVELS) ?? "metadata";
  const allow = (table.texts("allow") ?? []).map((text) => table.pointer("allow", text));
  if (allow.length > 0 && level !== "request" && level !== "request_response") {
    throw table.wrong("allow", "`allow` needs the level \"request\" or \"request_response\"");
  }
  const failure = table.failure() ?? defaults.failure;
  const targetId = valueFrom(table, "target_id", pattern, defaults.redaction);
  return {
    name: table.text("name", 200) ?? [methods.join(","), route].filter((part) => part !== "").join(" "),
    methods,
    route: pattern,
    status: table.convert("status", () => status.map((text) => new StatusPattern(text))),
    level,
    action: action(table, level),
    targetType: required(table, "target_type", 50, level),
    targetId,
    requiresTarget: requiresTarget(table, level, failure, targetId),
    tenantId: valueFrom(table, "tenant_id", pattern, defaults.redaction),
    failure,
    allow,
  };
}

/** Matches a method, in upper case, and a reading of a path; returns the route's parameters. */
export function matchRule(rule: Rule, method: string, path: readonly string[]): Params | undefined {
  // A rule for GET applies to HEAD too, because frameworks route HEAD to the same handler.
  const isMethod = rule.methods.includes(method) || (method === "HEAD" && rule.methods.includes("GET"));
  return rule.methods.length === 0 || isMethod ? rule.route.match(path) : undefined;
}

function action(table: Table, level: Level): string {
  const action = required(table, "action", 100, level);
  if (action !== "" && !/^[^.*\p{Cc}][^*\p{Cc}]*\.[^.*\p{Cc}]+$/u.test(action)) {
    throw table.wrong("action", "`action` must be of the form resource.verb, such as \"project.created\"");
  }
  return action;
}

/** A target can be required only where it is known before the request is handled. */
function requiresTarget(table: Table, level: Level, failure: FailurePolicy, targetId: ValueFrom | undefined): boolean {
  const name = "require_target";
  if (table.boolean(name) !== true) {
    return false;
  }
  if (failure !== "must" || level === "none") {
    throw table.wrong(name, `\`${name}\` needs the failure policy "must"`);
  }
  if (targetId === undefined || targetId.kind === "response") {
    throw table.wrong(name, `\`${name}\` needs a \`target_id\` from the request: path, header, body or value`);
  }
  return true;
}

function required(table: Table, name: string, maxChars: number, level: Level): string {
  const text = table.text(name, maxChars);
  if (text === undefined && level !== "none") {
    throw table.wrong(undefined, `a rule needs \`${name}\`, unless its level is "none"`);
  }
  if (text !== undefined && /\p{Cc}/u.test(text)) {
    throw table.wrong(name, `\`${name}\` must not hold control characters`);
  }
  return text ?? "";
}

function valueFrom(table: Table, name: string, route: RoutePattern, redaction: Redaction): ValueFrom | undefined {
  const value = table.get(name);
  if (value === undefined) {
    return undefined;
  }
  const form = `\`${name}\` must be one of { ${SOURCES.join(" | ")} = "…" }`;
  if (typeof value !== "object" || value === null || Object.keys(value).length !== 1) {
    throw table.wrong(name, form);
  }
  const [key, text] = Object.entries(value)[0] ?? [];
  const kind = SOURCES.find((source) => source === key);
  if (kind === undefined || typeof text !== "string" || text === "") {
    throw table.wrong(name, form);
  }
  switch (kind) {
    case "path":
      if (!route.parameters.includes(text)) {
        throw table.wrong(name, `the route \`${route.text}\` has no {${text}}`);
      }
      if (redaction.removes(text)) {
        throw table.wrong(name, `{${text}} is removed by \`redact\`; take the id from elsewhere`);
      }
      return { kind, name: text };
    case "header":
      if (redaction.removes(text)) {
        throw table.wrong(name, `the header \`${text}\` is never recorded; take the id from elsewhere`);
      }
      return { kind, name: text.toLowerCase() };
    case "value":
      return { kind, text };
    default: {
      const steps = table.pointer(name, text);
      if (redaction.hides(steps)) {
        throw table.wrong(name, `\`${text}\` is removed by \`redact\`; take the id from elsewhere`);
      }
      return { kind, steps };
    }
  }
}
