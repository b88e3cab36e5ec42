/** The files of a spool directory, with durable changes. */
import { open, readdir, rename, stat, type FileHandle } from "node:fs/promises";
import { join } from "node:path";

/** Owner only: records contain personal data. */
export const FILE_MODE = 0o600;
/** Owner only; for directories that this package creates. */
export const DIRECTORY_MODE = 0o700;

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
    handle = await open(positionPath(directory), "r");
    const value: unknown = JSON.parse(await handle.readFile("utf8"));
    return isPosition(value) ? value : undefined;
  } catch {
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
  const handle = await open(fresh, "w", FILE_MODE);
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
  const handle = await open(join(directory, "quarantine.ndjson"), "a", FILE_MODE);
  try {
    await handle.writeFile(bytes);
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

/** Counts the complete lines of a segment from an offset on; `end` is the end of the last. */
export async function measure(path: string, offset: number): Promise<{ lines: number; end: number; size: number }> {
  const { size } = await stat(path);
  const handle = await open(path, "r");
  const chunk = Buffer.alloc(1024 * 1024);
  let lines = 0;
  let end = Math.min(offset, size);
  try {
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
  } finally {
    await handle.close();
  }
  return { lines, end, size };
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
