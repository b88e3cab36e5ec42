/** Numbers of JSON that a JavaScript number cannot express. */
import { randomUUID } from "node:crypto";
import { inspect } from "node:util";

import { AuditrailError } from "./errors.js";

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Text that precedes an exact number while it is a string within JSON. Cannot be guessed, so no other string has it. */
const MARK = `auditrail-number-${randomUUID()}:`;
const MARKED = new RegExp(`"${MARK}([^"]*)"`, "g");

/** `JSON.rawJSON` of Node 22 and newer. */
const { rawJSON } = JSON as { readonly rawJSON?: (text: string) => unknown };

/** How often an exact number was encoded. */
let encodings = 0;

/**
 * A number of JSON with all its digits, such as 1234567890123456789, 1e400 or 0.1000000000000000055.
 *
 * Metadata is read with one in place of every number that a JavaScript number cannot express exactly, and a record
 * that contains one is written with the same number. In a template or with `String()` it is its digits; convert it
 * with `BigInt(String(value))` or a library for decimals. `JSON.stringify` gives the number from Node 22 on, and a
 * string with its digits before.
 */
export class ExactNumber {
  /** The number as JSON text. */
  readonly text: string;

  /** From JSON text. Throws `invalid_option` for any other text. */
  constructor(text: string) {
    if (!NUMBER.test(text)) {
      throw AuditrailError.local("invalid_option", "an exact number is made from the text of a JSON number");
    }
    this.text = text;
  }

  toString(): string {
    return this.text;
  }

  toJSON(): unknown {
    encodings += 1;
    return rawJSON?.(this.text) ?? this.text;
  }

  [inspect.custom](): string {
    return this.text;
  }
}

/** The number of encodings so far; it tells whether a value that was encoded in between has exact numbers. */
export function exactEncodings(): number {
  return encodings;
}

/** The string that stands for a number until `unmarked` or `revived`. */
export function marked(text: string): string {
  return `${MARK}${text}`;
}

/** JSON text with numbers in place of the marked strings. */
export function unmarked(json: string): string {
  return json.replace(MARKED, "$1");
}

/** The marked string for an exact number or a BigInt, else the value itself, as in a replacer of `JSON.stringify`. */
export function markedMember(object: unknown, name: string, value: unknown): unknown {
  // `value` is what `toJSON` returned.
  const original: unknown = (object as Readonly<Record<string, unknown>>)[name];
  if (original instanceof ExactNumber) {
    return marked(original.text);
  }
  return typeof value === "bigint" ? marked(value.toString()) : value;
}

/** Encodes a value that came from JSON as JSON text, with all digits of its numbers. */
export function stringifyExactly(value: unknown): string {
  const before = encodings;
  const text = JSON.stringify(value);
  if (encodings === before) {
    return text;
  }
  const replacer = function (this: unknown, name: string, inner: unknown): unknown {
    return markedMember(this, name, inner);
  };
  return unmarked(JSON.stringify(value, replacer));
}

/** The exact number that a marked string stands for, or the value itself: a reviver of `JSON.parse`. */
export function revived(_name: string, value: unknown): unknown {
  return typeof value === "string" && value.startsWith(MARK) ? new ExactNumber(value.slice(MARK.length)) : value;
}
