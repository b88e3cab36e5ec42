/** What never gets into a record: secrets, and what the database cannot hold. */
import type { Json } from "../types.js";
import { bare, parsePointer } from "./pointer.js";

/** Removed from whatever is recorded, in any case, whatever a policy says. */
export const ALWAYS_REMOVED: readonly string[] = [
  "authorization",
  "proxy-authorization",
  "cookie",
  "set-cookie",
  "x-api-key",
];

/** Levels of nesting that are kept of a value. The service takes 32, of which our own frame has some. */
const DEPTH_MAX = 24;
const TOO_DEEP = "[too deep]";
/**
 * Values that are kept of one document. So many are more than metadata can hold, and objects that know
 * each other, as those of an ORM do, would go on for ever.
 */
const VALUES_MAX = 40_000;
const TOO_MUCH = "[too much]";
const UNREADABLE = "[unreadable]";

/** How many more values are taken. */
interface Budget {
  left: number;
}

/** Beyond these JavaScript writes numbers with an exponent, and PostgreSQL writes them out in full. */
const PLAIN_MAX = 1e21;
const PLAIN_MIN = 1e-6;

/** Says which names and places are removed. */
export class Redaction {
  readonly #names: ReadonlySet<string>;
  readonly #places: readonly (readonly string[])[];

  /** Of names, and JSON pointers that start with a slash. */
  constructor(entries: readonly string[]) {
    const names = entries.filter((entry) => !entry.startsWith("/"));
    this.#names = new Set([...ALWAYS_REMOVED, ...names].map((name) => name.toLowerCase()));
    this.#places = entries.flatMap((entry) => {
      const steps = parsePointer(entry);
      return steps === undefined ? [] : [steps];
    });
  }

  /** Whether something of this name is removed. */
  removes(name: string): boolean {
    return this.#names.has(name.toLowerCase());
  }

  /** Whether a place is removed, or lies in something that is. */
  hides(steps: readonly string[]): boolean {
    const inside = (place: readonly string[]): boolean => place.every((step, index) => step === steps[index]);
    return steps.some((step) => this.removes(step)) || this.#places.some(inside);
  }

  /** A copy without what must not be recorded, as JSON that the service takes. */
  clean(value: unknown): Json | undefined {
    return this.#copy(value, [], 0, { left: VALUES_MAX });
  }

  #copy(value: unknown, path: readonly string[], depth: number, budget: Budget): Json | undefined {
    if (this.#places.some((steps) => steps.length === path.length && steps.every((step, i) => step === path[i]))) {
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
        return value.toString();
      case "object":
        return value === null ? null : this.#inner(value, path, depth, budget);
      default:
        return undefined;
    }
  }

  #inner(value: object, path: readonly string[], depth: number, budget: Budget): Json | undefined {
    if (depth >= DEPTH_MAX) {
      return TOO_DEEP;
    }
    try {
      return this.#members(value, path, depth, budget);
    } catch {
      // Code of the application that is not ours to fail for: a getter, or its own `toJSON`.
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

/** Text that jsonb can hold: no NUL, no half of a surrogate pair. */
function text(value: string): string {
  return value.replaceAll("\0", "\ufffd").toWellFormed();
}

function number(value: number): Json {
  const size = Math.abs(value);
  const plain = value === 0 || (size < PLAIN_MAX && size >= PLAIN_MIN);
  return plain || !Number.isFinite(value) ? (Number.isFinite(value) ? value : null) : String(value);
}

/** Text for a column: no control characters, and at most so many characters. */
export function column(value: string, maxChars: number): string {
  // eslint-disable-next-line no-control-regex -- these are the ones that columns do not take
  const clean = value.toWellFormed().replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, "\ufffd");
  // Characters are counted as code points, as the service does.
  return clean.length <= maxChars ? clean : [...clean].slice(0, maxChars).join("");
}
