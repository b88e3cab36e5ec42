/** Parses JSON without altering numbers. */
import { marked, revived } from "./exact-number.js";

/** A string, or a number; in valid JSON every digit outside of strings belongs to a number. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
/** A number of sixteen digits or with an exponent; all others are exact. May also match within strings. */
const SUSPECT = /(?:^|[:[,])\s*-?\d(?:[\d.]{15}|[\d.]*[eE])/;

/**
 * Parses JSON text. A number that a JavaScript number cannot express becomes an `ExactNumber`, for example
 * `12345678901234567890` or `1e400`; all others become numbers.
 */
export function parseExactly(text: string): unknown {
  if (!SUSPECT.test(text)) {
    return JSON.parse(text) as unknown;
  }
  let isAltered = false;
  const replaced = text.replace(TOKEN, (token) => {
    if (token.startsWith('"') || isExact(token)) {
      return token;
    }
    isAltered = true;
    return JSON.stringify(marked(token));
  });
  return isAltered ? (JSON.parse(replaced, revived) as unknown) : (JSON.parse(text) as unknown);
}

/** Whether the number nearest to a text is printed with the same value. */
function isExact(text: string): boolean {
  const number = Number(text);
  return Number.isFinite(number) && canonical(text) === canonical(String(number));
}

/** Sign, digits without zeros at either end, and power of ten: equal for equal values only. */
function canonical(text: string): string {
  const [mantissa = "", exponent = "0"] = text.toLowerCase().replace(/^-/, "").split("e");
  const [whole = "", fraction = ""] = mantissa.split(".");
  const significant = `${whole}${fraction}`.replace(/^0+/, "");
  const digits = significant.replace(/0+$/, "");
  if (digits === "") {
    return "0";
  }
  const power = BigInt(exponent) - BigInt(fraction.length) + BigInt(significant.length - digits.length);
  return `${text.startsWith("-") ? "-" : ""}${digits}e${power}`;
}
