/** The form of a line of the spool: NDJSON, with a checksum of the record in it. */
import { crc32 } from "node:zlib";

const HEAD = Buffer.from('{"crc":"');
const BETWEEN = Buffer.from('","record":');
const TAIL = Buffer.from("}\n");
const DIGITS = 8;
const RECORD_AT = HEAD.length + DIGITS + BETWEEN.length;

/** Most bytes of a line; a longer one cannot be ours. */
export const LINE_MAX_BYTES = 512 * 1024;

/** A record as a line, its end included. */
export function encode(record: string): Buffer {
  const bytes = Buffer.from(record);
  return Buffer.concat([HEAD, Buffer.from(checksum(bytes)), BETWEEN, bytes, TAIL]);
}

/** The record of a line, its end included; `undefined` when the line is damaged. */
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
  const said = line.toString("latin1", HEAD.length, HEAD.length + DIGITS);
  return checksum(record) === said ? record.toString("utf8") : undefined;
}

/** CRC-32 as in zip and PNG, which shows damage and is no protection from a forger. */
function checksum(bytes: Buffer): string {
  return crc32(bytes).toString(16).padStart(DIGITS, "0");
}
