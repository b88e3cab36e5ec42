/** JSON pointers (RFC 6901). */
import { ExactNumber } from "../exact-number.js";

/** Parses a pointer into its steps; `undefined` if it is invalid. */
export function parsePointer(text: string): string[] | undefined {
  if (!text.startsWith("/") || /~(?![01])/.test(text)) {
    return undefined;
  }
  const steps = text.slice(1).split("/");
  return steps.map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** The value at a pointer. */
export function at(document: unknown, steps: readonly string[]): unknown {
  let value = document;
  for (const step of steps) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) {
      return undefined;
    }
    value = (value as Record<string, unknown>)[step];
  }
  return value;
}

/** Selects the parts of a document that the pointers name, in their positions. Arrays become objects. */
export function picked(document: unknown, pointers: readonly (readonly string[])[]): Record<string, unknown> | undefined {
  const result = bare();
  let isEmpty = true;
  for (const steps of pointers) {
    const value = at(document, steps);
    if (value !== undefined) {
      isEmpty = false;
      put(result, steps, value);
    }
  }
  return isEmpty ? undefined : result;
}

/** Converts a value to a target or tenant id: a string, or a number. */
export function asId(value: unknown): string | undefined {
  if (typeof value === "string" && value !== "") {
    return value;
  }
  const isNumber = typeof value === "number" || typeof value === "bigint" || value instanceof ExactNumber;
  return isNumber ? String(value) : undefined;
}

function put(target: Record<string, unknown>, steps: readonly string[], value: unknown): void {
  let object = target;
  for (const step of steps.slice(0, -1)) {
    const next = Object.hasOwn(object, step) ? object[step] : undefined;
    const inner = isBare(next) ? next : bare();
    object[step] = inner;
    object = inner;
  }
  const last = steps.at(-1);
  if (last !== undefined) {
    object[last] = value;
  }
}

/** An object without a prototype, so that a member named `__proto__` is like any other. */
export function bare<T = unknown>(): Record<string, T> {
  return Object.create(null) as Record<string, T>;
}

function isBare(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === null;
}
