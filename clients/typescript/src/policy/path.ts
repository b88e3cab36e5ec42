/** The path of a request target, and its decoding. */

/** The path of a request target, without host and query, which may contain secrets. */
export function pathOf(target: string): string {
  return target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/\\?#]*/i, "").replace(/[?#].*$/s, "");
}

/** Percent-decodes a segment; unchanged if an escape is invalid or the result is not UTF-8. */
export function decoded(part: string): string {
  try {
    return part.includes("%") ? decodeURIComponent(part) : part;
  } catch {
    return part;
  }
}
