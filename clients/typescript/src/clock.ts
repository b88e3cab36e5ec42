/**
 * The clock and randomness: nothing else in this package reads either, but for timers.
 */
import { randomBytes } from "node:crypto";

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
  const bytes = randomBytes(16);
  const now = Date.now();
  sequence = (sequence + 1) & 0xfff;
  bytes.writeUIntBE(now, 0, 6);
  bytes.writeUInt16BE(0x7000 | sequence, 6);
  bytes.writeUInt8(0x80 | (bytes.readUInt8(8) & 0x3f), 8);
  const hex = bytes.toString("hex");
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join("-");
}

/** Milliseconds since some fixed moment, for measuring; it never goes backwards. */
export function monotonic(): number {
  return performance.now();
}

/** A number from 0 up to 1 that nobody needs to be unable to guess. */
export function chance(): number {
  return Math.random();
}
