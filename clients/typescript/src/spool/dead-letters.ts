/** The dead-letter file of a spool directory: refused records with the reason. */
import { join } from "node:path";

import { timestamp } from "../clock.js";
import { type AuditrailError, reason } from "../errors.js";
import { DEAD_LETTERS_NAME, syncDirectory } from "./files.js";
import { openFile } from "./trust.js";

const NEWLINE = 0x0a;

/** Called with the reason when lines were not written. */
export type NotKept = (lines: number, why: string) => void;

/**
 * Appends refused records to a file: a line `{"time", "code", "detail", "record"}` each.
 *
 * The file is never shortened. At its limit further records are not kept, until it is moved away.
 */
export class DeadLetters {
  readonly path: string;
  readonly #directory: string;
  readonly #maxBytes: number;
  readonly #kept: (lines: number) => void;
  readonly #notKept: NotKept;
  #queue: string[] = [];
  #queuedBytes = 0;
  #writing: Promise<void> | undefined;

  constructor(directory: string, maxBytes: number, kept: (lines: number) => void, notKept: NotKept) {
    this.#directory = directory;
    this.path = join(directory, DEAD_LETTERS_NAME);
    this.#maxBytes = maxBytes;
    this.#kept = kept;
    this.#notKept = notKept;
  }

  /** Queues a record, as JSON text. */
  add(text: string, error: AuditrailError): void {
    const { code, detail, errors } = error;
    const why = { time: timestamp(), code, detail, ...(errors.length > 0 ? { errors } : {}) };
    const line = `${JSON.stringify(why).slice(0, -1)},"record":${text}}\n`;
    if (this.#queuedBytes + line.length > this.#maxBytes) {
      this.#notKept(1, this.#full());
      return;
    }
    this.#queue.push(line);
    this.#queuedBytes += line.length;
    this.#writing ??= this.#write();
  }

  /** Resolves when the queued records are on the disk, or cannot be. Never rejects. */
  async written(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    // The records of a batch are queued in one turn of the event loop and share a write.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const lines = this.#queue;
      this.#queue = [];
      this.#queuedBytes = 0;
      try {
        await this.#append(lines);
      } catch (error) {
        this.#notKept(lines.length, `cannot write to ${this.path}: ${reason(error)}`);
      }
    }
    this.#writing = undefined;
  }

  async #append(lines: readonly string[]): Promise<void> {
    const handle = await openFile(this.path, "append");
    try {
      const { size } = await handle.stat();
      // A line without its end was being written when the process or the machine crashed.
      const isTorn = size > 0 && (await handle.read(Buffer.alloc(1), 0, 1, size - 1)).buffer[0] !== NEWLINE;
      const head = isTorn ? "\n" : "";
      const fitting = prefix(lines, this.#maxBytes - size - head.length);
      await handle.appendFile(`${head}${fitting.join("")}`);
      await handle.datasync();
      if (size === 0) {
        await syncDirectory(this.#directory);
      }
      this.#kept(fitting.length);
      if (fitting.length < lines.length) {
        this.#notKept(lines.length - fitting.length, this.#full());
      }
    } finally {
      await handle.close();
    }
  }

  #full(): string {
    return `${this.path} has reached its limit of ${this.#maxBytes} bytes; move it away`;
  }
}

/** The first lines that fit into a number of bytes. */
function prefix(lines: readonly string[], maxBytes: number): readonly string[] {
  let bytes = 0;
  const end = lines.findIndex((line) => {
    bytes += Buffer.byteLength(line);
    return bytes > maxBytes;
  });
  return end < 0 ? lines : lines.slice(0, end);
}
