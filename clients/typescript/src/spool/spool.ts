/**
 * Records on the local disk, in the order they came, until the service has them.
 *
 * A directory of segments, of which only the last one grows, and the position up to which everything
 * was acknowledged. The position is committed before a segment is removed; it may lag behind, because
 * what is sent once more is recognised by its ids.
 */
import { mkdir, open, truncate, unlink } from "node:fs/promises";

import { AuditrailError, systemCode } from "../errors.js";
import { Appender, type Segment } from "./appender.js";
import {
  DIRECTORY_MODE,
  measure,
  type Position,
  quarantine,
  readPosition,
  segmentPath,
  segments,
  writePosition,
} from "./files.js";
import { decode, encode, LINE_MAX_BYTES } from "./line.js";
import { Lock } from "./lock.js";

/** Records to send, and where the next ones are. */
export interface SpoolBatch {
  readonly items: readonly { readonly text: string; readonly recovered: boolean }[];
  /** Damaged lines among them, which were put aside. */
  readonly quarantined: number;
  readonly next: Position;
}

/** Segments have an eighth of the spool, at most this much: what is kept for one that is nearly sent. */
const SEGMENT_MAX_BYTES = 8 * 1024 * 1024;
/** How many bytes may be acknowledged before the position is committed. */
const COMMIT_BYTES = 1024 * 1024;

/** A spool directory that this process holds. */
export class Spool {
  readonly #directory: string;
  readonly #maxBytes: number;
  readonly #lock: Lock;
  readonly #appender: Appender;
  readonly #segments: Segment[];
  #bytes: number;
  #at: Position;
  #uncommitted = 0;
  /** Whole lines that were there when it was opened. */
  readonly recovered: number;
  /** Torn last lines that were cut off then. None of them was ever acknowledged. */
  readonly torn: number;

  private constructor(directory: string, maxBytes: number, lock: Lock, found: Found) {
    this.#directory = directory;
    this.#maxBytes = maxBytes;
    this.#lock = lock;
    this.#segments = found.segments;
    this.#at = found.position;
    this.#bytes = found.segments.reduce((sum, segment) => sum + segment.durable, 0);
    this.recovered = found.lines;
    this.torn = found.torn;
    this.#appender = new Appender({
      directory,
      segmentBytes: Math.min(SEGMENT_MAX_BYTES, Math.ceil(maxBytes / 8)),
      next: found.next,
      created: (segment) => this.#segments.push(segment),
      grown: (bytes) => {
        this.#bytes += bytes;
      },
    });
  }

  /** Opens or makes a spool. Fails with `spool_locked` when another process has it. */
  static async open(directory: string, maxBytes: number): Promise<Spool> {
    // One that is there may be used for other things too, so how it may be used stays as it is.
    await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
    const lock = await Lock.take(directory);
    try {
      return new Spool(directory, maxBytes, lock, await find(directory));
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** Bytes on the disk. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Resolves when the record is durable. Rejects with `spool_full` or `spool_failed`. */
  async append(record: string): Promise<void> {
    const line = encode(record);
    if (this.#bytes + this.#appender.waitingBytes + line.length > this.#maxBytes) {
      const detail = `the spool ${this.#directory} holds its ${this.#maxBytes} bytes; the service is behind or gone`;
      throw AuditrailError.local("spool_full", detail);
    }
    await this.#appender.append(line);
  }

  /** The next records after the position, `undefined` when all were read. They stay until `acknowledge`. */
  async read(maxRecords: number, maxBytes: number): Promise<SpoolBatch | undefined> {
    const segment = await this.#unfinished();
    if (segment === undefined) {
      return undefined;
    }
    const length = Math.min(segment.durable - this.#at.offset, maxBytes + LINE_MAX_BYTES);
    const bytes = await readAt(segmentPath(this.#directory, segment.number), this.#at.offset, length);
    const items: { text: string; recovered: boolean }[] = [];
    let [start, quarantined] = [0, 0];
    while (start < bytes.length && items.length < maxRecords && start < maxBytes) {
      const newline = bytes.indexOf(0x0a, start);
      // More than a line's length was read beyond `maxBytes`, so a line without an end is damage too.
      // It is put aside in pieces, the last of which has one.
      const end = newline < 0 ? bytes.length : newline + 1;
      const text = decode(bytes.subarray(start, end));
      if (text === undefined) {
        await quarantine(this.#directory, bytes.subarray(start, end));
        quarantined += newline < 0 ? 0 : 1;
      } else {
        items.push({ text, recovered: segment.recovered });
      }
      start = end;
    }
    return { items, quarantined, next: { segment: segment.number, offset: this.#at.offset + start } };
  }

  /** Everything before `next` is with the service or was refused by it. */
  async acknowledge(next: Position): Promise<void> {
    this.#uncommitted += next.segment === this.#at.segment ? next.offset - this.#at.offset : next.offset;
    this.#at = next;
    const [first] = this.#segments;
    const drained = first === this.#appender.active && next.offset >= (first?.durable ?? 0);
    if (drained || this.#uncommitted >= COMMIT_BYTES) {
      await this.#commit(next);
    }
    await this.#unfinished();
  }

  /** Waits for the disk, commits the position if that can be done, and gives the directory back. */
  async close(): Promise<void> {
    try {
      await this.#appender.close();
      if (this.#uncommitted > 0) {
        await this.#commit(this.#at);
      }
      await this.#unfinished();
    } catch {
      // On a full disk, say. What was vouched for is synced, and what is sent once more is recognised.
    } finally {
      await this.#lock.release();
    }
  }

  /** The segment of the position. Finished ones before it are removed. */
  async #unfinished(): Promise<Segment | undefined> {
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
      // On a full disk nothing is committed until something is removed. A position in a segment
      // that is gone does no harm: the next one has a higher number and is read from its beginning.
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

/** What is in a directory when it is opened. */
interface Found {
  readonly segments: Segment[];
  readonly position: Position;
  readonly lines: number;
  readonly torn: number;
  readonly next: number;
}

async function find(directory: string): Promise<Found> {
  const position = (await readPosition(directory)) ?? { segment: 0, offset: 0 };
  const found: Segment[] = [];
  let [lines, torn, last] = [0, 0, position.segment];
  for (const number of await segments(directory)) {
    const path = segmentPath(directory, number);
    last = Math.max(last, number);
    const from = number === position.segment ? position.offset : 0;
    const measured = number < position.segment ? undefined : await measure(path, from);
    if (measured !== undefined && measured.end < measured.size) {
      // A line that was being written when the process or the machine went down.
      await truncate(path, measured.end);
      torn += 1;
    }
    if (measured === undefined || measured.lines === 0) {
      await unlink(path);
      continue;
    }
    lines += measured.lines;
    found.push({ number, durable: measured.end, recovered: true });
  }
  return { segments: found, position, lines, torn, next: last + 1 };
}

async function readAt(path: string, offset: number, length: number): Promise<Buffer> {
  const handle = await open(path, "r");
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
