/** The rules for the values of single fields; each returns why a value is invalid. */
import { isIPv4, isIPv6 } from "node:net";

/** Why a value is invalid. */
export interface ValueError {
  /** Stable code, as in responses of the service. */
  readonly code: string;
  /** Completes "this field …"; never contains the value. */
  readonly detail: string;
}

/** A rule of a text field. */
export type Rule = (text: string) => ValueError | undefined;

/** Text of at most `max` characters without control characters. */
export function text(max: number, empty: "allowed" | "refused" = "refused"): Rule {
  return (value) => {
    if (value === "" && empty === "refused") {
      return { code: "empty", detail: "must not be empty" };
    }
    const chars = value.length <= max ? value.length : [...value].length;
    if (chars > max) {
      return { code: "too_long", detail: `has ${chars} characters, at most ${max} are allowed` };
    }
    return /\p{Cc}/u.test(value)
      ? { code: "control_character", detail: "contains a control character, such as NUL or a line break" }
      : undefined;
  };
}

/** One of a closed list. */
export function oneOf(...values: readonly string[]): Rule {
  const detail = `must be one of ${values.join(", ")}`;
  return (value) => (values.includes(value) ? undefined : { code: "unknown_value", detail });
}

/** An action: text on both sides of a dot. `project.*` is a prefix in searches. */
export function action(max: number): Rule {
  const plain = text(max);
  return (value) => {
    const error = plain(value);
    if (error !== undefined) {
      return error;
    }
    if (!value.includes(".") || value.startsWith(".") || value.endsWith(".") || value.endsWith(".*")) {
      return { code: "bad_format", detail: "must be resource.verb, such as project.created" };
    }
    return undefined;
  };
}

/** A UUID of any version, with or without hyphens. */
export const uuid: Rule = (value) =>
  /^(?:[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/i.test(value)
    ? undefined
    : { code: "bad_format", detail: "must be a UUID, such as 01890a5d-ac96-774b-bcce-b302099a8057" };

/** An IPv4 or IPv6 address without mask, port, brackets and zone. */
export const address: Rule = (value) =>
  isIPv4(value) || (isIPv6(value) && !value.includes("%"))
    ? undefined
    : {
        code: "bad_format",
        detail: "must be an IPv4 or IPv6 address without mask, port or zone, such as 203.0.113.7",
      };
