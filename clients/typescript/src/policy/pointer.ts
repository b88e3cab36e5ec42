/** JSON pointers (RFC 6901), and what is taken out of documents by them. */
/** The steps of a pointer; `undefined` when it is none. */
export function parsePointer(text: string): string[] | undefined {
  if (!text.startsWith("/") || /~(?![01])/.test(text)) {
    return undefined;
  }
  const steps = text.slice(1).split("/");
  return steps.map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** What is at a place. */
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

/** The parts of a document that the pointers lead to, in their places. Arrays become objects. */
export function picked(document: unknown, pointers: readonly (readonly string[])[]): Record<string, unknown> | undefined {
  const result = bare();
  let found = false;
  for (const steps of pointers) {
    const value = at(document, steps);
    if (value !== undefined) {
      found = true;
      put(result, steps, value);
    }
  }
  return found ? result : undefined;
}

/** A value as a target or a tenant id: text, or a number written out. */
export function asId(value: unknown): string | undefined {
  if (typeof value === "string" && value !== "") {
    return value;
  }
  return typeof value === "number" || typeof value === "bigint" ? String(value) : undefined;
}

function put(target: Record<string, unknown>, steps: readonly string[], value: unknown): void {
  let place = target;
  for (const step of steps.slice(0, -1)) {
    const next = Object.hasOwn(place, step) ? place[step] : undefined;
    const inner = isBare(next) ? next : bare();
    place[step] = inner;
    place = inner;
  }
  const last = steps.at(-1);
  if (last !== undefined) {
    place[last] = value;
  }
}

/** An object that has no inherited members, so that a field named `__proto__` is one like others. */
export function bare<T = unknown>(): Record<string, T> {
  return Object.create(null) as Record<string, T>;
}

function isBare(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === null;
}
