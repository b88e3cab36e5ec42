/**
 * A durable queue on the local disk: records in insertion order, kept until the service has them.
 *
 * A directory of segments, of which only the last grows, and the acknowledged position. The position is
 * committed before a segment is deleted; it may lag behind, because records sent again are recognized
 * by their ids.
 */
import { mkdir, unlink } from "node:fs/promises";

import { AuditrailError, systemCode } from "../errors.js";
import { Appender, type Segment } from "./appender.js";
import {
  checkFiles,
  measure,
  type Position,
  quarantine,
  readPosition,
  segmentPath,
  segments,
  shorten,
  writePosition,
} from "./files.js";
import { decode, encode, LINE_MAX_BYTES, type SpooledRecord } from "./line.js";
import { Lock } from "./lock.js";
import { DIRECTORY_MODE, openFile, checkDirectory } from "./trust.js";

/** Consecutive records to send, and the position after them. */
export interface SpoolBatch {
  readonly items: readonly (SpooledRecord & { readonly recovered: boolean })[];
  /** Damaged lines among them, which were moved to the quarantine file. */
  readonly quarantined: number;
  readonly next: Position;
}

/**
 * Maximum size of a segment. An eighth of the spool's limit if that is less, because a segment is
 * deleted only as a whole.
 */
const SEGMENT_MAX_BYTES = 8 * 1024 * 1024;
/** Bytes that may be acknowledged before the position is committed. */
const COMMIT_BYTES = 1024 * 1024;

/** A spool directory locked by this process. */
export class Spool {
  readonly #directory: string;
  readonly #maxBytes: number;
  readonly #lock: Lock;
  readonly #appender: Appender;
  readonly #segments: Segment[];
  #bytes: number;
  #at: Position;
  #uncommitted = 0;
  /** Complete lines that were in the spool when it was opened. */
  readonly recovered: number;
  /** Incomplete last lines that were truncated then; their records were never reported as spooled. */
  readonly torn: number;

  private constructor(directory: string, maxBytes: number, lock: Lock, contents: Contents) {
    this.#directory = directory;
    this.#maxBytes = maxBytes;
    this.#lock = lock;
    this.#segments = contents.segments;
    this.#at = contents.position;
    this.#bytes = contents.segments.reduce((sum, segment) => sum + segment.durable, 0);
    this.recovered = contents.lines;
    this.torn = contents.torn;
    this.#appender = new Appender({
      directory,
      segmentBytes: Math.min(SEGMENT_MAX_BYTES, Math.ceil(maxBytes / 8)),
      next: contents.next,
      created: (segment) => this.#segments.push(segment),
      grown: (bytes) => {
        this.#bytes += bytes;
      },
    });
  }

  /**
   * Opens a spool, creating it if it does not exist. Rejects with `spool_locked` if another process has
   * it open, and with `spool_unsafe` if another user could have written to it.
   */
  static async open(directory: string, maxBytes: number): Promise<Spool> {
    await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
    await checkDirectory(directory);
    await checkFiles(directory);
    const lock = await Lock.acquire(directory);
    try {
      return new Spool(directory, maxBytes, lock, await scan(directory));
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** Bytes on the disk, as counted against the limit. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Resolves when the record is durable; `stamped` if the recorder set its time. Rejects with `spool_full` or
   * `spool_failed`.
   */
  async append(text: string, stamped = false): Promise<void> {
    const line = encode({ text, stamped });
    if (this.#bytes + this.#appender.queuedBytes + line.length > this.#maxBytes) {
      const detail = `the spool ${this.#directory} has reached its limit of ${this.#maxBytes} bytes; the service is slow or unreachable`;
      throw AuditrailError.local("spool_full", detail);
    }
    await this.#appender.append(line);
  }

  /**
   * Reads the records after the acknowledged ones; `undefined` if there are none. They stay until
   * acknowledged.
   */
  async read(maxRecords: number, maxBytes: number): Promise<SpoolBatch | undefined> {
    const segment = await this.#currentSegment();
    if (segment === undefined) {
      return undefined;
    }
    const length = Math.min(segment.durable - this.#at.offset, maxBytes + LINE_MAX_BYTES);
    const bytes = await readAt(segmentPath(this.#directory, segment.number), this.#at.offset, length);
    const items: (SpooledRecord & { recovered: boolean })[] = [];
    let start = 0;
    let quarantined = 0;
    while (start < bytes.length && items.length < maxRecords && start < maxBytes) {
      const newline = bytes.indexOf(0x0a, start);
      // The read extends a maximum line length beyond `maxBytes`, so a line without an end is damaged.
      // It is quarantined in pieces, the last of which has a line end.
      const end = newline < 0 ? bytes.length : newline + 1;
      const record = decode(bytes.subarray(start, end));
      if (record === undefined) {
        await quarantine(this.#directory, bytes.subarray(start, end));
        quarantined += newline < 0 ? 0 : 1;
      } else {
        items.push({ ...record, recovered: segment.recovered });
      }
      start = end;
    }
    return { items, quarantined, next: { segment: segment.number, offset: this.#at.offset + start } };
  }

  /** Acknowledges all records before `next`: the service has stored or rejected them. */
  async acknowledge(next: Position): Promise<void> {
    this.#uncommitted += next.segment === this.#at.segment ? next.offset - this.#at.offset : next.offset;
    this.#at = next;
    const [first] = this.#segments;
    const isDrained = first === this.#appender.active && next.offset >= (first?.durable ?? 0);
    if (isDrained || this.#uncommitted >= COMMIT_BYTES) {
      await this.#commit(next);
    }
    await this.#currentSegment();
  }

  /** Waits for outstanding writes, commits the position if possible, and releases the directory. */
  async close(): Promise<void> {
    try {
      await this.#appender.close();
      if (this.#uncommitted > 0) {
        await this.#commit(this.#at);
      }
      await this.#currentSegment();
    } catch {
      // For example on a full disk. Spooled records are durable, and records sent again are recognized
      // by their ids.
    } finally {
      await this.#lock.release();
    }
  }

  /** The segment of the position. Deletes the finished segments before it. */
  async #currentSegment(): Promise<Segment | undefined> {
    for (;;) {
      const [first] = this.#segments;
      if (first === undefined) {
        return undefined;
      }
      if (this.#at.segment !== first.number) {
        this.#at = { segment: first.number, offset: 0 };
      }
      if (this.#at.offset < first.durable) {
        return first;
      }
      if (first === this.#appender.active) {
        return undefined;
      }
      await this.#retire(first);
    }
  }

  async #retire(segment: Segment): Promise<void> {
    const after = { segment: segment.number, offset: segment.durable };
    try {
      await this.#commit(after);
    } catch (error) {
      // On a full disk a commit succeeds only after a deletion. A position in a deleted segment is
      // harmless: the next segment has a higher number and is read from its start.
      if (systemCode(error) !== "ENOSPC" && systemCode(error) !== "EDQUOT") {
        throw error;
      }
    }
    this.#segments.shift();
    this.#uncommitted = 0;
    this.#bytes -= segment.durable;
    await unlink(segmentPath(this.#directory, segment.number));
  }

  async #commit(position: Position): Promise<void> {
    await writePosition(this.#directory, position);
    this.#uncommitted = 0;
  }
}

/** The contents of a directory when it is opened. */
interface Contents {
  readonly segments: Segment[];
  readonly position: Position;
  readonly lines: number;
  readonly torn: number;
  readonly next: number;
}

async function scan(directory: string): Promise<Contents> {
  const position = (await readPosition(directory)) ?? { segment: 0, offset: 0 };
  const recovered: Segment[] = [];
  let lines = 0;
  let torn = 0;
  let last = position.segment;
  for (const number of await segments(directory)) {
    const path = segmentPath(directory, number);
    last = Math.max(last, number);
    const from = number === position.segment ? position.offset : 0;
    const measured = number < position.segment ? undefined : await measure(path, from);
    if (measured !== undefined && measured.end < measured.size) {
      // An incomplete line, which was being written when the process or the machine crashed.
      await shorten(path, measured.end);
      torn += 1;
    }
    if (measured === undefined || measured.lines === 0) {
      await unlink(path);
      continue;
    }
    lines += measured.lines;
    recovered.push({ number, durable: measured.end, recovered: true });
  }
  return { segments: recovered, position, lines, torn, next: last + 1 };
}

async function readAt(path: string, offset: number, length: number): Promise<Buffer> {
  const handle = await openFile(path, "read");
  try {
    const bytes = Buffer.alloc(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await handle.read(bytes, filled, length - filled, offset + filled);
      if (bytesRead === 0) {
        break;
      }
      filled += bytesRead;
    }
    return bytes.subarray(0, filled);
  } finally {
    await handle.close();
  }
}
