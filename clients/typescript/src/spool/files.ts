/** The files of a spool directory, with durable changes. */
import { open, readdir, rename, rm, type FileHandle } from "node:fs/promises";
import { join } from "node:path";

import { AuditrailError } from "../errors.js";
import { checkFile, createFile, openFile } from "./trust.js";

/** The name of the dead-letter file. */
export const DEAD_LETTERS_NAME = "refused.ndjson";
const QUARANTINE_NAME = "quarantine.ndjson";

const SEGMENT = /^(\d{12})\.ndjson$/;

/** A position between two lines. */
export interface Position {
  /** The number of the segment. */
  readonly segment: number;
  /** Offset in bytes. */
  readonly offset: number;
}

/** The path of a segment. */
export function segmentPath(directory: string, number: number): string {
  return join(directory, `${String(number).padStart(12, "0")}.ndjson`);
}

/** The numbers of the existing segments, ascending. */
export async function segments(directory: string): Promise<number[]> {
  const names = await readdir(directory);
  const numbers = names.flatMap((name) => SEGMENT.exec(name)?.[1] ?? []).map(Number);
  return numbers.sort((a, b) => a - b);
}

/** Checks the files of a directory that are not read when it is opened. Rejects with `spool_unsafe`. */
export async function checkFiles(directory: string): Promise<void> {
  const names = [DEAD_LETTERS_NAME, QUARANTINE_NAME];
  await Promise.all([...names.map((name) => join(directory, name)), positionPath(directory)].map((path) => checkFile(path)));
}

/** Makes the entries of a directory durable. Not available on Windows, nor needed there. */
export async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === "win32") {
    return;
  }
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The committed position: everything before it is acknowledged. `undefined` if there is none. */
export async function readPosition(directory: string): Promise<Position | undefined> {
  let handle: FileHandle | undefined;
  try {
    handle = await openFile(positionPath(directory), "read");
    const value: unknown = JSON.parse(await handle.readFile("utf8"));
    return isPosition(value) ? value : undefined;
  } catch (error) {
    if (error instanceof AuditrailError) {
      throw error;
    }
    // Missing or damaged: records are sent again and recognized by their ids.
    return undefined;
  } finally {
    await handle?.close();
  }
}

/** Commits the position durably; the segments before it may then be deleted. */
export async function writePosition(directory: string, position: Position): Promise<void> {
  const path = positionPath(directory);
  const fresh = `${path}.new`;
  // Of a process that crashed, or a link.
  await rm(fresh, { force: true });
  const handle = await createFile(fresh);
  try {
    await handle.writeFile(`${JSON.stringify(position)}\n`);
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await rename(fresh, path);
  await syncDirectory(directory);
}

/** Appends damaged bytes to the quarantine file, durably. */
export async function quarantine(directory: string, bytes: Buffer): Promise<void> {
  const handle = await openFile(join(directory, QUARANTINE_NAME), "append");
  try {
    await handle.writeFile(bytes);
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

/** Counts the complete lines of a segment from an offset on; `end` is the end of the last. */
export async function measure(path: string, offset: number): Promise<{ lines: number; end: number; size: number }> {
  const handle = await openFile(path, "read");
  try {
    const { size } = await handle.stat();
    const chunk = Buffer.alloc(1024 * 1024);
    let lines = 0;
    let end = Math.min(offset, size);
    for (let at = end; at < size; ) {
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, at);
      if (bytesRead === 0) {
        break;
      }
      const read = chunk.subarray(0, bytesRead);
      for (let newline = read.indexOf(0x0a); newline >= 0; newline = read.indexOf(0x0a, newline + 1)) {
        lines += 1;
        end = at + newline + 1;
      }
      at += bytesRead;
    }
    return { lines, end, size };
  } finally {
    await handle.close();
  }
}

/** Removes the end of a segment, an incomplete line. */
export async function shorten(path: string, end: number): Promise<void> {
  const handle = await openFile(path, "update");
  try {
    await handle.truncate(end);
  } finally {
    await handle.close();
  }
}

function positionPath(directory: string): string {
  return join(directory, "position.json");
}

function isPosition(value: unknown): value is Position {
  if (typeof value !== "object" || value === null || !("segment" in value) || !("offset" in value)) {
    return false;
  }
  const { segment, offset } = value;
  const isCount = (count: unknown): boolean => Number.isSafeInteger(count) && Number(count) >= 0;
  return isCount(segment) && isCount(offset);
}
