/** The rules of `metadata`: an object within the limits that PostgreSQL's jsonb can store. */
import { ExactNumber, stringifyExactly } from "../exact-number.js";
import { METADATA_MAX_BYTES, METADATA_MAX_DEPTH, METADATA_MAX_NUMBER_DIGITS } from "./limits.js";
import type { ValueError } from "./value.js";

/** Checks metadata as parsed from JSON. Of several errors it returns that of the service. */
export function checkMetadata(metadata: unknown): ValueError | undefined {
  if (typeof metadata !== "object" || metadata === null || Array.isArray(metadata)) {
    return { code: "wrong_type", detail: "must be an object" };
  }
  const bytes = Buffer.byteLength(stringifyExactly(metadata));
  return tooLarge(bytes) ?? firstError(metadata, 0) ?? tooLarge(bytes + growth(metadata));
}

/** The first error within a value in the order of its text. Recurses no deeper than the limit. */
function firstError(value: unknown, depth: number): ValueError | undefined {
  if (typeof value === "string") {
    return unstorable(value);
  }
  if (typeof value === "number" && !Number.isFinite(value)) {
    return { code: "number_out_of_range", detail: `contains ${value}, which JSON cannot express; send it as a string` };
  }
  if (value instanceof ExactNumber) {
    return tooPrecise(value.text);
  }
  if (typeof value !== "object" || value === null) {
    return undefined;
  }
  if (depth === METADATA_MAX_DEPTH) {
    return { code: "too_deep", detail: `nests more than ${METADATA_MAX_DEPTH} levels` };
  }
  const isArray = Array.isArray(value);
  for (const [name, inner] of Object.entries(value)) {
    const error = (isArray ? undefined : unstorable(name)) ?? firstError(inner, depth + 1);
    if (error !== undefined) {
      return error;
    }
  }
  return undefined;
}

function unstorable(text: string): ValueError | undefined {
  if (text.includes("\0")) {
    return { code: "unstorable_text", detail: "contains NUL, which PostgreSQL cannot store" };
  }
  const detail = "contains half of a surrogate pair, which is not a character";
  return text.isWellFormed() ? undefined : { code: "unstorable_text", detail };
}

/**
 * How many bytes the numbers grow when written without exponents, as jsonb prints them: 64 KiB of `1e300`
 * would become 3 MiB.
 */
function growth(value: unknown): number {
  if (typeof value === "number" || value instanceof ExactNumber) {
    const text = value instanceof ExactNumber ? value.text : JSON.stringify(value);
    return Math.max(0, plainDigits(text) - text.length);
  }
  if (typeof value !== "object" || value === null) {
    return 0;
  }
  return Object.values(value).reduce((sum: number, inner) => sum + growth(inner), 0);
}

/** Digits of a number when written without an exponent. */
function plainDigits(text: string): number {
  const [mantissa = "", exponent = "0"] = text.toLowerCase().replace(/^-/, "").split("e");
  const [whole = "", fraction = ""] = mantissa.split(".");
  return Math.max(1, whole.length + Number(exponent)) + Math.max(0, fraction.length - Number(exponent));
}

function tooPrecise(text: string): ValueError | undefined {
  const digits = plainDigits(text);
  const detail = `contains a number of ${digits} digits when written without an exponent, at most ${METADATA_MAX_NUMBER_DIGITS} are allowed`;
  return digits > METADATA_MAX_NUMBER_DIGITS ? { code: "number_out_of_range", detail } : undefined;
}

function tooLarge(bytes: number): ValueError | undefined {
  const detail = `takes ${bytes} bytes with its numbers written out, at most ${METADATA_MAX_BYTES} are allowed`;
  return bytes > METADATA_MAX_BYTES ? { code: "too_large", detail } : undefined;
}
