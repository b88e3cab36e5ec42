/** The encoding of a record in the spool: a line of NDJSON with a checksum. */
import { crc32 } from "node:zlib";

const HEAD = Buffer.from('{"crc":"');
const BETWEEN = Buffer.from('","record":');
const TAIL = Buffer.from("}\n");
const DIGITS = 8;
const RECORD_AT = HEAD.length + DIGITS + BETWEEN.length;

/** Maximum bytes of a line; a longer one is damaged. */
export const LINE_MAX_BYTES = 512 * 1024;

/** Encodes a record as a line, including its line end. */
export function encode(record: string): Buffer {
  const bytes = Buffer.from(record);
  return Buffer.concat([HEAD, Buffer.from(checksum(bytes)), BETWEEN, bytes, TAIL]);
}

/** Decodes a line, including its line end; `undefined` if it is damaged. */
export function decode(line: Buffer): string | undefined {
  const end = line.length - TAIL.length;
  const framed =
    end >= RECORD_AT &&
    line.subarray(0, HEAD.length).equals(HEAD) &&
    line.subarray(HEAD.length + DIGITS, RECORD_AT).equals(BETWEEN) &&
    line.subarray(end).equals(TAIL);
  if (!framed) {
    return undefined;
  }
  const record = line.subarray(RECORD_AT, end);
  const stored = line.toString("latin1", HEAD.length, HEAD.length + DIGITS);
  return checksum(record) === stored ? record.toString("utf8") : undefined;
}

/** CRC-32 as in zip and PNG: detects damage, not forgery. */
function checksum(bytes: Buffer): string {
  return crc32(bytes).toString(16).padStart(DIGITS, "0");
}
