/** Redaction of secrets, and conversion to values that the database can store. */
import { ExactNumber } from "../exact-number.js";
import type { Json } from "../types.js";
import { bare, parsePointer } from "./pointer.js";

/** Names that are always removed, in any case, regardless of the policy. */
export const ALWAYS_REMOVED: readonly string[] = [
  "authorization",
  "proxy-authorization",
  "cookie",
  "set-cookie",
  "x-api-key",
];

/** Maximum nesting of a value. The service allows 32, of which the record itself uses some. */
const DEPTH_MAX = 24;
const TOO_DEEP = "[too deep]";
/**
 * Maximum number of values of a document, more than metadata can hold. Bounds cyclic objects, such as those of
 * an ORM.
 */
const VALUES_MAX = 40_000;
const TOO_MUCH = "[too much]";
const UNREADABLE = "[unreadable]";

/** The number of values left. */
interface Budget {
  left: number;
}

/** Outside this range JavaScript writes numbers with an exponent, which PostgreSQL expands. */
const PLAIN_MAX = 1e21;
const PLAIN_MIN = 1e-6;
/** The digits of an exact number in that range. */
const PLAIN = /^-?\d{1,21}(?:\.\d{1,40})?$/;

/** Determines which names and pointers are removed. */
export class Redaction {
  readonly #names: ReadonlySet<string>;
  readonly #pointers: readonly (readonly string[])[];

  /** From names, and JSON pointers, which start with a slash. */
  constructor(entries: readonly string[]) {
    const names = entries.filter((entry) => !entry.startsWith("/"));
    this.#names = new Set([...ALWAYS_REMOVED, ...names].map((name) => name.toLowerCase()));
    this.#pointers = entries.flatMap((entry) => {
      const steps = parsePointer(entry);
      return steps === undefined ? [] : [steps];
    });
  }

  /** Whether members of this name are removed. */
  removes(name: string): boolean {
    return this.#names.has(name.toLowerCase());
  }

  /** Whether a pointer is removed, or is inside a removed value. */
  hides(steps: readonly string[]): boolean {
    const inside = (pointer: readonly string[]): boolean => pointer.every((step, index) => step === steps[index]);
    return steps.some((step) => this.removes(step)) || this.#pointers.some(inside);
  }

  /** Returns a redacted copy as JSON that is valid for the service. */
  clean(value: unknown): Json | undefined {
    return this.#copy(value, [], 0, { left: VALUES_MAX });
  }

  #copy(value: unknown, path: readonly string[], depth: number, budget: Budget): Json | undefined {
    if (this.#pointers.some((steps) => steps.length === path.length && steps.every((step, i) => step === path[i]))) {
      return undefined;
    }
    budget.left -= 1;
    switch (typeof value) {
      case "string":
        return text(value);
      case "boolean":
        return value;
      case "number":
        return number(value);
      case "bigint":
        return exact(value.toString());
      case "object":
        return value === null ? null : this.#inner(value, path, depth, budget);
      default:
        return undefined;
    }
  }

  #inner(value: object, path: readonly string[], depth: number, budget: Budget): Json | undefined {
    if (value instanceof ExactNumber) {
      return exact(value.text);
    }
    if (depth >= DEPTH_MAX) {
      return TOO_DEEP;
    }
    try {
      return this.#members(value, path, depth, budget);
    } catch {
      // A getter or `toJSON` of the application threw, which must not fail the request.
      return UNREADABLE;
    }
  }

  #members(value: object, path: readonly string[], depth: number, budget: Budget): Json | undefined {
    if ("toJSON" in value && typeof value.toJSON === "function") {
      const plain: unknown = (value.toJSON as () => unknown)();
      return plain === value ? TOO_DEEP : this.#copy(plain, path, depth + 1, budget);
    }
    if (Array.isArray(value)) {
      const result: Json[] = [];
      for (const [index, item] of (value as unknown[]).entries()) {
        if (budget.left <= 0) {
          return [...result, TOO_MUCH];
        }
        result.push(this.#copy(item, [...path, String(index)], depth + 1, budget) ?? null);
      }
      return result;
    }
    const result = bare<Json>();
    for (const name of Object.keys(value)) {
      if (budget.left <= 0) {
        result[TOO_MUCH] = true;
        break;
      }
      const inner = (value as Record<string, unknown>)[name];
      const copy = this.removes(name) ? undefined : this.#copy(inner, [...path, name], depth + 1, budget);
      if (copy !== undefined) {
        result[text(name)] = copy;
      }
    }
    return result;
  }
}

/** A string that jsonb can store: without NUL and unpaired surrogates. */
function text(value: string): string {
  return value.replaceAll("\0", "\ufffd").toWellFormed();
}

function number(value: number): Json {
  const size = Math.abs(value);
  const plain = value === 0 || (size < PLAIN_MAX && size >= PLAIN_MIN);
  return plain || !Number.isFinite(value) ? (Number.isFinite(value) ? value : null) : String(value);
}

/** A number with all its digits, or text where a number would be one. */
function exact(digits: string): Json {
  if (!PLAIN.test(digits)) {
    return digits;
  }
  return Number.isSafeInteger(Number(digits)) && !digits.includes(".") ? Number(digits) : new ExactNumber(digits);
}

/** A string for a column: without control characters, truncated to a number of characters. */
export function column(value: string, maxChars: number): string {
  // eslint-disable-next-line no-control-regex -- these are the ones that columns do not take
  const clean = value.toWellFormed().replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, "\ufffd");
  // Counts code points, as the service does.
  return clean.length <= maxChars ? clean : [...clean].slice(0, maxChars).join("");
}
