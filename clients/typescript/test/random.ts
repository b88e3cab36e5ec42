/** Reproducible random values for tests. */
let state = 1;

/** Starts over with a seed. */
export function seed(number: number): void {
  state = number >>> 0;
}

/** mulberry32: a number in [0, bound). */
export function random(bound: number): number {
  state = (state + 0x6d2b79f5) >>> 0;
  let mixed = Math.imul(state ^ (state >>> 15), state | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
}

/** One of the values. */
export function pick<T>(values: readonly T[]): T {
  return values[random(values.length)] as T;
}

/** Characters that are odd somewhere. */
export const CHARS = ["a", ".", "*", " ", "é", "😀", "\ud800", "\udc00", "\0", "\n", "\x7f", "\x85", "\u200b", "\u202e", "\ufeff", "%", ":", '"', "\\", "/", "~"];

/** A short text with odd characters. */
export function text(max: number): string {
  return Array.from({ length: random(max) }, () => (random(4) === 0 ? pick(CHARS) : "x")).join("");
}

/** A text of about the limit, or with one odd character. */
export function nearLimit(limit: number): string {
  const long = pick(["a", "é", "😀"]).repeat(limit - 1 + random(3));
  return pick([long, `${long.slice(0, -2)}${pick(CHARS)}`, text(12)]);
}

/** A JSON value, sometimes deep. */
export function json(depth: number): unknown {
  switch (random(depth > 0 ? 9 : 6)) {
    case 0:
      return text(20);
    case 1:
      return random(2) === 0;
    case 2:
      return null;
    case 3:
      return random(1_000_000) - 500_000;
    case 4:
      return pick([1e300, -1.5e-300, 1e21, 5e-324, 0.1, -0, 123456789012345680000]);
    case 5:
      return "x".repeat(random(3_000));
    case 6:
      return Array.from({ length: random(4) }, () => json(depth - 1));
    case 7:
      return Array.from({ length: 1 + random(33) }).reduce<unknown>((inner) => pick<(value: unknown) => unknown>([(value) => [value], (value) => ({ a: value })])(inner), json(0));
    default:
      return Object.fromEntries(Array.from({ length: random(5) }, () => [text(8), json(depth - 1)]));
  }
}
