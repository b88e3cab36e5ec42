/** Bytes, and the functions on them: with WebCrypto, so that browsers can verify too. */
import { ensure } from "./invalid.js";

/** Bytes as WebCrypto takes them. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** The UTF-8 of a text. */
export function utf8(text: string): Bytes {
  return new TextEncoder().encode(text);
}

/** Bytes one after the other. */
export function concat(...parts: readonly Uint8Array[]): Bytes {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

/** Whether bytes are the same. */
export function same(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

/** The bytes of a standard Base64 text with padding. Each value has one form. */
export function unbase64(text: string, length?: number): Bytes {
  ensure(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text), "a value is not Base64");
  const binary = atob(text);
  ensure(btoa(binary) === text, "a value is Base64 in another form");
  ensure(length === undefined || binary.length === length, `a value has ${binary.length} bytes, not ${length ?? ""}`);
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

/** A decimal number without leading zeros, that a number of JavaScript can express. */
export function decimal(text: string): number {
  const number = Number(text);
  ensure(/^(?:0|[1-9][0-9]*)$/.test(text) && Number.isSafeInteger(number), `${text.slice(0, 40)} is not a number`);
  return number;
}

/** SHA-256. */
export async function sha256(...parts: readonly Uint8Array[]): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", concat(...parts)));
}

/** HMAC-SHA256. */
export async function hmac(key: Bytes, message: Bytes): Promise<Bytes> {
  const imported = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, message));
}
