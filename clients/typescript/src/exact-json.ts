/** Parses JSON without altering numbers. */

/** A string, or a number; in valid JSON every digit outside of strings belongs to a number. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
/** A number of sixteen digits or with an exponent; all others are exact. May also match within strings. */
const SUSPECT = /[:[,]\s*-?\d(?:[\d.]{15}|[\d.]*[eE])/;

/**
 * Parses JSON text. A number that a JavaScript number cannot express becomes a string with its digits, for
 * example `12345678901234567890` or `1e400`; all others become numbers.
 */
export function parseExactly(text: string): unknown {
  if (!SUSPECT.test(text)) {
    return JSON.parse(text) as unknown;
  }
  return JSON.parse(text.replace(TOKEN, (token) => (token.startsWith('"') || isExact(token) ? token : `"${token}"`)));
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
