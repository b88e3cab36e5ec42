/** The rule of `created_at`: RFC 3339, in the range of the service, and not in the future. */
import { AHEAD_MAX_MS } from "./limits.js";
import type { ValueError } from "./value.js";

/** The year 1, in milliseconds since 1970. */
const MIN_MS = -62_135_596_800_000;
/** 9999-12-30T22:00:00Z, the last time that every offset can express. */
const MAX_MS = 253_402_207_200_000;

const SHAPE =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/;
/** A date whose year is signed or has more than four digits. */
const LONG_YEAR = /^(?:[+-]+\d{4,}|\d{5,})-/;

const BAD_FORMAT = { code: "bad_format", detail: "must be an RFC 3339 time, such as 2026-01-02T03:04:05Z" };
const OUT_OF_RANGE = { code: "out_of_range", detail: "must be between the years 0001 and 9999" };
const IN_FUTURE = { code: "in_future", detail: `is more than ${AHEAD_MAX_MS / 1_000} seconds in the future` };

/** Checks a time against a clock, in milliseconds since 1970. */
export function checkTime(text: string, now: number): ValueError | undefined {
  if (LONG_YEAR.test(text)) {
    return OUT_OF_RANGE;
  }
  const time = parse(text);
  if (time === undefined || time.ms > MAX_MS + 999) {
    return BAD_FORMAT;
  }
  const isAfter = (limit: number): boolean => time.ms > limit || (time.ms === limit && time.micros > 0);
  if (time.ms < MIN_MS || isAfter(MAX_MS)) {
    return OUT_OF_RANGE;
  }
  return isAfter(now + AHEAD_MAX_MS) ? IN_FUTURE : undefined;
}

/** Milliseconds since 1970, rounded down, and the microseconds after them. */
function parse(text: string): { readonly ms: number; readonly micros: number } | undefined {
  const match = SHAPE.exec(text);
  if (match === null) {
    return undefined;
  }
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number);
  const fraction = (match[7] ?? "").padEnd(6, "0");
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const isDate = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  const [offsetHours, offsetMinutes] = [Number(match[9] ?? 0), Number(match[10] ?? 0)];
  // The limits of offsets are those of the service's parser. A second of 60 is read as 59.
  if (!isDate || hour > 23 || minute > 59 || second > 60 || offsetHours > 25 || offsetMinutes > 59) {
    return undefined;
  }
  const offset = (offsetHours * 60 + offsetMinutes) * (match[8] === "-" ? -60_000 : 60_000);
  const ms = date.getTime() + ((hour * 60 + minute) * 60 + Math.min(second, 59)) * 1_000 - offset;
  return { ms: ms + Number(fraction.slice(0, 3)), micros: Number(fraction.slice(3, 6)) };
}
