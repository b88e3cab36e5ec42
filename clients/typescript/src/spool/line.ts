/** The encoding of a record in the spool: a line of NDJSON with a checksum. */
import { crc32 } from "node:zlib";

/** A record in the spool. */
export interface SpooledRecord {
  /** Its JSON text. */
  text: string;
  /** Whether the recorder, not the application, set its time. */
  stamped: boolean;
}

const HEAD = Buffer.from('{"crc":"');
const TAIL = Buffer.from("}\n");
const DIGITS = 8;
const BETWEEN_AT = HEAD.length + DIGITS;
/** The member with the record says whether it is stamped. */
const BETWEEN = [
  { stamped: false, bytes: Buffer.from('","record":') },
  { stamped: true, bytes: Buffer.from('","stamped":') },
] as const;

/** Maximum bytes of a line; a longer one is damaged. */
export const LINE_MAX_BYTES = 512 * 1024;

/** Encodes a record as a line, including its line end. */
export function encode({ text, stamped }: SpooledRecord): Buffer {
  const bytes = Buffer.from(text);
  const between = BETWEEN[stamped ? 1 : 0].bytes;
  return Buffer.concat([HEAD, Buffer.from(checksum(bytes)), between, bytes, TAIL]);
}

/** Decodes a line, including its line end; `undefined` if it is damaged. */
export function decode(line: Buffer): SpooledRecord | undefined {
  const end = line.length - TAIL.length;
  const between = BETWEEN.find(({ bytes }) => line.subarray(BETWEEN_AT, BETWEEN_AT + bytes.length).equals(bytes));
  const start = BETWEEN_AT + (between?.bytes.length ?? 0);
  const framed = end >= start && line.subarray(0, HEAD.length).equals(HEAD) && line.subarray(end).equals(TAIL);
  if (between === undefined || !framed) {
    return undefined;
  }
  const record = line.subarray(start, end);
  const stored = line.toString("latin1", HEAD.length, BETWEEN_AT);
  return checksum(record) === stored ? { text: record.toString("utf8"), stamped: between.stamped } : undefined;
}

/** CRC-32 as in zip and PNG: detects damage, not forgery. */
function checksum(bytes: Buffer): string {
  return crc32(bytes).toString(16).padStart(DIGITS, "0");
}
