/** Encodes a record as JSON text, or explains why that would lose or alter something. */
import { AuditrailError } from "../errors.js";
import { exactEncodings, markedMember, unmarked } from "../exact-number.js";
import type { FieldError } from "../types.js";

type Replacer = (this: unknown, key: string, value: unknown) => unknown;

/** The `toJSON` of a value may return nothing, which the declaration of TypeScript leaves out. */
const stringifyAny: (value: unknown, replacer?: Replacer) => string | undefined = JSON.stringify;

/**
 * Encodes a record. Throws `not_json`, `wrong_type`, `too_deep` or `number_out_of_range`.
 * A BigInt or an `ExactNumber` within a value becomes a number.
 *
 * `JSON.stringify` leaves fields out or makes them null if JSON cannot express them, such as a function or NaN.
 * Here they become numbers, which the rules find.
 */
export function encodeRecord(input: unknown): string {
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw notAnObject();
  }
  const members = Object.entries(input).map(([name, value]) => [JSON.stringify(name), encoded(name, value)] as const);
  const present = members.filter(([, text]) => text !== undefined);
  return `{${present.map(([name, text]) => `${name}:${text}`).join(",")}}`;
}

/** The error of a record that is not an object. */
export function notAnObject(): AuditrailError {
  return invalidRecord([{ pointer: "", code: "wrong_type", detail: "must be an object" }]);
}

/** The error of an invalid record, with the code of the first error. */
export function invalidRecord(errors: readonly FieldError[]): AuditrailError {
  return new AuditrailError({ code: errors[0]?.code ?? "not_json", detail: "the record is invalid", errors });
}

/** Encodes the value of a field; `undefined` if the field is absent. */
function encoded(name: string, value: unknown): string | undefined {
  switch (typeof value) {
    case "undefined":
      return undefined;
    case "number":
      return Number.isFinite(value) ? JSON.stringify(value) : "0";
    case "bigint":
    case "function":
    case "symbol":
      return "0";
    default:
      return value === null ? "null" : encodedValue(name, value);
  }
}

function encodedValue(name: string, value: unknown): string {
  const text = quickText(value) ?? exactText(name, value);
  // An invalid Date is not the absence of a time.
  return text === "null" ? '""' : text;
}

/**
 * The text of a value, unless it may contain what JSON cannot express or `JSON.stringify` alters: NaN and the
 * infinities, which become null, BigInts and exact numbers. A replacer finds these, but is slow, and they are rare.
 */
function quickText(value: unknown): string | undefined {
  const before = exactEncodings();
  try {
    const text = stringifyAny(value) ?? "0";
    return text.includes("null") || exactEncodings() !== before ? undefined : text;
  } catch {
    return undefined;
  }
}

/** The text of a value with all digits of its numbers. */
function exactText(name: string, value: unknown): string {
  const replacer: Replacer = function (key, inner) {
    if (typeof inner === "number" && !Number.isFinite(inner)) {
      const detail = `contains ${inner}, which JSON cannot express; send it as a string`;
      throw invalidRecord([{ pointer: `/${name}`, code: "number_out_of_range", detail }]);
    }
    return markedMember(this, key, inner);
  };
  try {
    return unmarked(stringifyAny(value, replacer) ?? "0");
  } catch (error) {
    throw error instanceof AuditrailError ? error : invalidRecord([unencodable(name, error)]);
  }
}

function unencodable(name: string, error: unknown): FieldError {
  const pointer = `/${name}`;
  if (error instanceof RangeError) {
    return { pointer, code: "too_deep", detail: "nests too deeply to be encoded" };
  }
  const detail = "cannot be encoded as JSON: it contains a cycle, or an object whose `toJSON` throws";
  return { pointer, code: "not_json", detail };
}
