/** The ids of an intent and its outcome, which differ in the last bit only. */

/** This id as the id of an intent: with its last bit clear. */
export function asIntent(id: string): string {
  return withLastBit(id, 0);
}

/** The id of the record of the outcome of an intent: with its last bit set. */
export function outcomeOfIntent(id: string): string {
  return withLastBit(id, 1);
}

function withLastBit(id: string, bit: 0 | 1): string {
  const digit = Number.parseInt(id.slice(-1), 16);
  return `${id.slice(0, -1)}${((digit & ~1) | bit).toString(16)}`;
}
