/**
 * The paths that different servers may read in a request target. docs/policy.md describes the readings; the crate
 * `auditrail-tower` has the same.
 */
import { decoded, pathOf } from "./path.js";

/** The decoded segments of a path. */
export type Segments = readonly string[];

/**
 * Maximum segments of a path that is read in every way; longer ones only literally and with all steps. Bounds the
 * work that a caller can cause.
 */
const SEGMENTS_MAX = 256;
/** Maximum rounds of percent-decoding. */
const DECODING_ROUNDS = 4;

/**
 * What some servers do with a path and others do not, in this order:
 *
 * - `authority`: `//host/path` is a URL without a scheme.
 * - `decodeAgain`: percent-decoding is repeated, and done despite invalid escapes.
 * - `cut`: an encoded `?`, `#` or NUL ends the path.
 * - `slashes`, `backslashes`: an encoded slash, or a backslash, separates segments.
 * - `parameters`: parameters after `;` are removed from each segment.
 * - `merge`: empty segments are removed before, and not after, dot segments are resolved.
 * - `dots`: `.` and `..` are resolved.
 */
type Step = "authority" | "decodeAgain" | "cut" | "slashes" | "backslashes" | "parameters" | "merge" | "dots";

/** The steps of a reading. */
type Taken = { readonly [S in Step]?: boolean };

/** What separates segments, by the characters that do. */
const SEPARATORS: Readonly<Record<string, RegExp>> = { "/": /\//, "\\": /\\/, "/\\": /[/\\]/ };

/** Without any of these, all servers read a path alike. */
const SUSPECT = /[%\\;]|(?:^|\/)\.{1,2}(?:\/|$)|^\/\//;

/** All readings of a target, without duplicates: the literal one first, then those with the most steps. */
export function readings(target: string): readonly Segments[] {
  const path = pathOf(target);
  // Some URL parsers treat a backslash as a slash.
  const literal = path.split(/[/\\]/).filter((part) => part !== "").map(decoded);
  if (!SUSPECT.test(path)) {
    return [literal];
  }
  const whole = new Parts(path);
  const steps = relevantSteps(path, whole);
  const withoutAuthority = steps.includes("authority") ? new Parts(path.replace(/^[/\\]{2}[^/\\]*/, "")) : whole;
  const distinct = new Map<string, Segments>([[JSON.stringify(literal), literal]]);
  const all = 2 ** steps.length - 1;
  const last = literal.length > SEGMENTS_MAX ? all : 0;
  for (let chosen = all; steps.length > 0 && chosen >= last; chosen -= 1) {
    const taken: Taken = Object.fromEntries(steps.map((step, at) => [step, ((chosen >> at) & 1) === 1]));
    const reading = read(taken.authority ? withoutAuthority : whole, taken);
    const key = JSON.stringify(reading);
    if (!distinct.has(key)) {
      distinct.set(key, reading);
    }
  }
  return [...distinct.values()];
}

/** The parts of a path between slashes, decoded once for all readings. */
class Parts {
  readonly once: readonly string[];
  readonly fully: readonly string[];

  constructor(path: string) {
    const parts = path.split("/");
    this.once = parts.map(decoded);
    this.fully = parts.map(fullyDecoded);
  }
}

/** The steps that may change the reading of a path, in order. */
function relevantSteps(path: string, { once, fully }: Parts): Step[] {
  const has = (pattern: RegExp): boolean => fully.some((part) => pattern.test(part));
  const isDots = (part: string): boolean => /^\.{1,2}(?:;|$)/.test(part);
  const hasDots = fully.some((part) => part.split(/[/\\?#\0]/).some(isDots));
  const relevant: Readonly<Record<Step, boolean>> = {
    authority: /^[/\\]{2}/.test(path),
    decodeAgain: once.some((part, index) => part !== fully[index]),
    cut: has(/[?#\0]/),
    slashes: has(/\//),
    backslashes: has(/\\/),
    parameters: has(/;/),
    merge: hasDots,
    dots: hasDots,
  };
  return (Object.keys(relevant) as Step[]).filter((step) => relevant[step]);
}

/** Reads a path with the given steps. */
function read({ once, fully }: Parts, taken: Taken): Segments {
  const segments: string[] = [];
  const separator = SEPARATORS[`${taken.slashes ? "/" : ""}${taken.backslashes ? "\\" : ""}`];
  for (const part of taken.decodeAgain ? fully : once) {
    const end = taken.cut ? part.search(/[?#\0]/) : -1;
    const kept = end < 0 ? part : part.slice(0, end);
    for (const piece of separator === undefined ? [kept] : kept.split(separator)) {
      const parameters = taken.parameters ? piece.indexOf(";") : -1;
      append(segments, parameters < 0 ? piece : piece.slice(0, parameters), taken);
    }
    if (end >= 0) {
      break;
    }
  }
  return segments.filter((segment) => segment !== "");
}

/** Appends a segment, or resolves it. */
function append(segments: string[], segment: string, taken: Taken): void {
  const resolves = taken.dots === true;
  if (resolves && segment === "..") {
    segments.pop();
  } else if (!(resolves && segment === ".") && (segment !== "" || (resolves && !taken.merge))) {
    segments.push(segment);
  }
}

/**
 * Percent-decodes a segment until nothing changes. Invalid escapes stay as they are, and bytes that are not UTF-8
 * become U+FFFD.
 */
function fullyDecoded(part: string): string {
  let text = part;
  for (let round = 0; round < DECODING_ROUNDS && /%[0-9a-f]{2}/i.test(text); round += 1) {
    const bytes = Buffer.from(text).toString("latin1");
    const unescaped = bytes.replaceAll(/%([0-9a-f]{2})/gi, (_escape, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
    text = Buffer.from(unescaped, "latin1").toString();
  }
  return text;
}
