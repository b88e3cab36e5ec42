/**
 * The only module that reads clocks or random numbers, except for timers.
 */
import { randomUUID } from "node:crypto";

/** Maximum number of distinct microseconds within a millisecond. */
const MICROS = 999;

let lastMillis = 0;
let sameMillis = 0;
let sequence = 0;

/**
 * The time as RFC 3339 in UTC with six digits.
 *
 * The clock has millisecond resolution. The last three digits number the records of this process within
 * a millisecond, which preserves their order; after 999 they stay at the last microsecond.
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
  // A clock before 1970 must not make an invalid id.
  const millis = Math.max(0, Date.now()).toString(16).padStart(12, "0");
  sequence = (sequence + 1) & 0xfff;
  const counted = sequence.toString(16).padStart(3, "0");
  // The second half of a version 4 UUID has the same layout, and Node buffers its random bytes.
  return `${millis.slice(0, 8)}-${millis.slice(8)}-7${counted}-${randomUUID().slice(19)}`;
}

/** The clock in milliseconds since 1970. */
export function wallClock(): number {
  return Date.now();
}

/** The monotonic clock in milliseconds. */
export function monotonic(): number {
  return performance.now();
}

/** The maximum delay of a timer in milliseconds; a longer one fires immediately. */
export const TIMER_MAX_MS = 2 ** 31 - 1;

/** A random number in [0, 1), not cryptographically secure. */
export function random(): number {
  return Math.random();
}
