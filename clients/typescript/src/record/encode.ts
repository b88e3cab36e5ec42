/** Encodes a record as JSON text, or explains why that would lose or alter something. */
import { AuditrailError } from "../errors.js";
import type { FieldError } from "../types.js";

/** Encodes a record. Throws `not_json`, `wrong_type`, `too_deep` or `number_out_of_range`. */
export function encodeRecord(input: unknown): string {
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw notAnObject();
  }
  const text = stringify(input);
  if (text === undefined) {
    throw invalidRecord([{ pointer: "", code: "not_json", detail: "is not JSON: its `toJSON` returns nothing" }]);
  }
  // NaN and the infinities become null; looking for them is slow, and null is rare.
  if (text.includes("null")) {
    stringify(input, refuseNonFinite);
  }
  return text;
}

/** The error of a record that is not an object. */
export function notAnObject(): AuditrailError {
  return invalidRecord([{ pointer: "", code: "wrong_type", detail: "must be an object" }]);
}

/** The error of an invalid record, with the code of the first error. */
export function invalidRecord(errors: readonly FieldError[]): AuditrailError {
  return new AuditrailError({ code: errors[0]?.code ?? "not_json", detail: "the record is invalid", errors });
}

/** `undefined` if the `toJSON` of the value returns nothing. */
function stringify(value: object, replacer?: (name: string, value: unknown) => unknown): string | undefined {
  try {
    return JSON.stringify(value, replacer);
  } catch (error) {
    throw error instanceof AuditrailError ? error : invalidRecord([unencodable(error)]);
  }
}

function refuseNonFinite(_name: string, value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value)) {
    const detail = `contains ${value}, which JSON cannot express; send it as a string`;
    throw invalidRecord([{ pointer: "/metadata", code: "number_out_of_range", detail }]);
  }
  return value;
}

function unencodable(error: unknown): FieldError {
  if (error instanceof RangeError) {
    return { pointer: "/metadata", code: "too_deep", detail: "nests too deeply to be encoded" };
  }
  return {
    pointer: "",
    code: "not_json",
    detail: "cannot be encoded as JSON: it contains a cycle, a BigInt, or an object whose `toJSON` throws",
  };
}
