/**
 * The clock and randomness: nothing else in this package reads either, but for timers.
 */
import { randomUUID } from "node:crypto";

/** Most records of one millisecond that get microseconds of their own. */
const MICROS = 999;

let lastMillis = 0;
let sameMillis = 0;
let sequence = 0;

/**
 * The time as RFC 3339 in UTC with six digits.
 *
 * The clock has milliseconds; the digits below count what this process made in the same one, so that
 * records keep their order. Beyond 999 they share the last microsecond.
 */
export function timestamp(): string {
  const now = Date.now();
  if (now === lastMillis) {
    sameMillis = Math.min(sameMillis + 1, MICROS);
  } else {
    lastMillis = now;
    sameMillis = 0;
  }
  return `${new Date(now).toISOString().slice(0, -1)}${String(sameMillis).padStart(3, "0")}Z`;
}

/** A UUID of version 7: milliseconds, a counter of 12 bits, 62 random bits. */
export function recordId(): string {
  const millis = Date.now().toString(16).padStart(12, "0");
  sequence = (sequence + 1) & 0xfff;
  const counted = sequence.toString(16).padStart(3, "0");
  // The random half of version 4 has the same form, and Node asks the system for many at once.
  return `${millis.slice(0, 8)}-${millis.slice(8)}-7${counted}-${randomUUID().slice(19)}`;
}

/** Milliseconds since some fixed moment, for measuring; it never goes backwards. */
export function monotonic(): number {
  return performance.now();
}

/** The longest that a timer can be set to, in milliseconds; one set to more ends at once. */
export const TIMER_MAX_MS = 2 ** 31 - 1;

/** A number from 0 up to 1 that nobody needs to be unable to guess. */
export function chance(): number {
  return Math.random();
}
