/** Appends lines to segments; those that wait at the same time share one sync of the disk. */
import { open, unlink, type FileHandle } from "node:fs/promises";

import { AuditrailError, reason, systemCode } from "../errors.js";
import { FILE_MODE, segmentPath, syncDirectory } from "./files.js";

/** A file of the spool. */
export interface Segment {
  readonly number: number;
  /** Bytes that are on the disk for certain and end with a whole line. */
  durable: number;
  /** Whether it was there when the spool was opened. */
  readonly recovered: boolean;
}

interface Waiting {
  readonly line: Buffer;
  readonly resolve: () => void;
  readonly reject: (error: AuditrailError) => void;
}

/** Most bytes that are written at once. */
const GROUP_MAX_BYTES = 4 * 1024 * 1024;

/** The writing end of a spool. */
export class Appender {
  /** The segment that grows. */
  active: Segment | undefined;
  readonly #directory: string;
  readonly #segmentBytes: number;
  readonly #created: (segment: Segment) => void;
  readonly #grown: (bytes: number) => void;
  #next: number;
  #handle: FileHandle | undefined;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #writing: Promise<void> | undefined;

  constructor(options: {
    readonly directory: string;
    readonly segmentBytes: number;
    /** The number of the first segment. */
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

  /** Bytes that wait for the disk. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Resolves when the line is durable. Rejects with `spool_full` or `spool_failed`. */
  async append(line: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ line, resolve, reject });
      this.#waitingBytes += line.length;
      this.#writing ??= this.#write();
    });
  }

  /** Waits for what is being written, and closes the file. */
  async close(): Promise<void> {
    await this.#writing;
    await this.#handle?.close();
    this.#handle = undefined;
    this.active = undefined;
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#group();
      const bytes = Buffer.concat(group.map(({ line }) => line));
      try {
        const { segment, handle } = await this.#segment();
        await writeAll(handle, bytes, segment.durable);
        await handle.datasync();
        if (segment.durable === 0) {
          // Not before: where nothing could be written its file is removed again.
          this.#created(segment);
        }
        segment.durable += bytes.length;
        this.#grown(bytes.length);
        group.forEach(({ resolve }) => resolve());
      } catch (error) {
        await this.#abandon();
        const failure = failed(this.#directory, error);
        group.forEach(({ reject }) => reject(failure));
      }
      this.#waitingBytes -= bytes.length;
    }
    this.#writing = undefined;
  }

  #group(): Waiting[] {
    let [size, bytes] = [0, 0];
    for (const { line } of this.#waiting) {
      if (size > 0 && bytes + line.length > GROUP_MAX_BYTES) {
        break;
      }
      size += 1;
      bytes += line.length;
    }
    return this.#waiting.splice(0, size);
  }

  async #segment(): Promise<{ segment: Segment; handle: FileHandle }> {
    const full = this.active !== undefined && this.active.durable >= this.#segmentBytes;
    if (this.active !== undefined && this.#handle !== undefined && !full) {
      return { segment: this.active, handle: this.#handle };
    }
    const old = this.#handle;
    this.#handle = undefined;
    this.active = undefined;
    await old?.close();
    const number = this.#next;
    this.#next += 1;
    const handle = await open(segmentPath(this.#directory, number), "wx", FILE_MODE);
    this.#handle = handle;
    const segment = { number, durable: 0, recovered: false };
    this.active = segment;
    // Its name has to last as well, or what is synced into it is gone with it.
    await syncDirectory(this.#directory);
    return { segment, handle };
  }

  /**
   * A write that failed may have left part of a line, and a sync that failed says nothing about what
   * is on the disk. So the segment is cut back and never written to again.
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
      // What could not be cut off is cut off when the spool is opened again; nobody reads it before.
    }
  }
}

/** A write may take less than it was given, as on a disk that is nearly full. */
async function writeAll(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const rest = bytes.length - written;
    const { bytesWritten } = await handle.write(bytes, written, rest, position + written);
    written += bytesWritten;
  }
}

function failed(directory: string, error: unknown): AuditrailError {
  const code = systemCode(error);
  if (code === "ENOSPC" || code === "EDQUOT") {
    return AuditrailError.local("spool_full", `the disk of the spool ${directory} is full`, error);
  }
  return AuditrailError.local("spool_failed", `cannot write to the spool ${directory}: ${reason(error)}`, error);
}
