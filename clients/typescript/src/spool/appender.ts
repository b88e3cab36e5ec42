/** Appends lines to segments; lines that are queued at the same time share one sync. */
import { unlink, type FileHandle } from "node:fs/promises";

import { AuditrailError, reason, systemCode } from "../errors.js";
import { segmentPath, syncDirectory } from "./files.js";
import { createFile } from "./trust.js";

/** A file of the spool. */
export interface Segment {
  readonly number: number;
  /** Bytes that are durable; they end with a complete line. */
  durable: number;
  /** Whether it existed when the spool was opened. */
  readonly recovered: boolean;
}

interface QueuedLine {
  readonly line: Buffer;
  readonly resolve: () => void;
  readonly reject: (error: AuditrailError) => void;
}

/** Maximum bytes of one write. */
const GROUP_MAX_BYTES = 4 * 1024 * 1024;

/** The writer of a spool. */
export class Appender {
  /** The segment that lines are appended to. */
  active: Segment | undefined;
  readonly #directory: string;
  readonly #segmentBytes: number;
  readonly #created: (segment: Segment) => void;
  readonly #grown: (bytes: number) => void;
  #next: number;
  #handle: FileHandle | undefined;
  #queue: QueuedLine[] = [];
  #queuedBytes = 0;
  #writing: Promise<void> | undefined;

  constructor(options: {
    readonly directory: string;
    readonly segmentBytes: number;
    /** The number of the first new segment. */
    readonly next: number;
    readonly created: (segment: Segment) => void;
    readonly grown: (bytes: number) => void;
  }) {
    this.#directory = options.directory;
    this.#segmentBytes = options.segmentBytes;
    this.#next = options.next;
    this.#created = options.created;
    this.#grown = options.grown;
  }

  /** Bytes that are queued or being written. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Resolves when the line is durable. Rejects with `spool_full` or `spool_failed`. */
  async append(line: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ line, resolve, reject });
      this.#queuedBytes += line.length;
      this.#writing ??= this.#write();
    });
  }

  /** Waits for the queued lines and closes the file. */
  async close(): Promise<void> {
    await this.#writing;
    await this.#handle?.close();
    this.#handle = undefined;
    this.active = undefined;
  }

  async #write(): Promise<void> {
    while (this.#queue.length > 0) {
      const group = this.#group();
      const bytes = Buffer.concat(group.map(({ line }) => line));
      try {
        const { segment, handle } = await this.#segment();
        await writeAll(handle, bytes, segment.durable);
        await handle.datasync();
        if (segment.durable === 0) {
          // Only now: if the first write fails, the file is deleted.
          this.#created(segment);
        }
        segment.durable += bytes.length;
        this.#grown(bytes.length);
        group.forEach(({ resolve }) => resolve());
      } catch (error) {
        await this.#abandon();
        const failure = appendError(this.#directory, error);
        group.forEach(({ reject }) => reject(failure));
      }
      this.#queuedBytes -= bytes.length;
    }
    this.#writing = undefined;
  }

  #group(): QueuedLine[] {
    let size = 0;
    let bytes = 0;
    for (const { line } of this.#queue) {
      if (size > 0 && bytes + line.length > GROUP_MAX_BYTES) {
        break;
      }
      size += 1;
      bytes += line.length;
    }
    return this.#queue.splice(0, size);
  }

  async #segment(): Promise<{ segment: Segment; handle: FileHandle }> {
    const isFull = this.active !== undefined && this.active.durable >= this.#segmentBytes;
    if (this.active !== undefined && this.#handle !== undefined && !isFull) {
      return { segment: this.active, handle: this.#handle };
    }
    const old = this.#handle;
    this.#handle = undefined;
    this.active = undefined;
    await old?.close();
    const number = this.#next;
    this.#next += 1;
    const handle = await createFile(segmentPath(this.#directory, number));
    this.#handle = handle;
    const segment = { number, durable: 0, recovered: false };
    this.active = segment;
    // Without a durable directory entry the file's contents are lost too.
    await syncDirectory(this.#directory);
    return { segment, handle };
  }

  /**
   * A failed write may leave an incomplete line, and after a failed sync the state of the disk is
   * unknown. So the segment is truncated to its durable part and not written to again.
   */
  async #abandon(): Promise<void> {
    const { active: segment } = this;
    const handle = this.#handle;
    this.active = undefined;
    this.#handle = undefined;
    try {
      await handle?.truncate(segment?.durable ?? 0);
      await handle?.close();
      if (segment?.durable === 0) {
        await unlink(segmentPath(this.#directory, segment.number));
      }
    } catch {
      // It is truncated when the spool is opened again, and not read before.
    }
  }
}

/** Writes all bytes. A single write may be partial, for example on a disk that is nearly full. */
async function writeAll(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const rest = bytes.length - written;
    const { bytesWritten } = await handle.write(bytes, written, rest, position + written);
    written += bytesWritten;
  }
}

function appendError(directory: string, error: unknown): AuditrailError {
  const code = systemCode(error);
  if (code === "ENOSPC" || code === "EDQUOT") {
    return AuditrailError.local("spool_full", `the disk of the spool ${directory} is full`, error);
  }
  return AuditrailError.local("spool_failed", `cannot write to the spool ${directory}: ${reason(error)}`, error);
}
