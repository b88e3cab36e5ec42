/** The files of a spool directory, and making changes to them durable. */
import { open, readdir, rename, stat, type FileHandle } from "node:fs/promises";
import { join } from "node:path";

/** Readable by the owner alone: records say who did what. */
export const FILE_MODE = 0o600;
/** The same for the directory, where we make it. */
export const DIRECTORY_MODE = 0o700;

const SEGMENT = /^(\d{12})\.ndjson$/;

/** A place between two lines. */
export interface Position {
  /** The number of the segment. */
  readonly segment: number;
  /** Bytes from its beginning. */
  readonly offset: number;
}

/** The path of a segment. */
export function segmentPath(directory: string, number: number): string {
  return join(directory, `${String(number).padStart(12, "0")}.ndjson`);
}

/** The numbers of the segments that are there, ascending. */
export async function segments(directory: string): Promise<number[]> {
  const names = await readdir(directory);
  const numbers = names.flatMap((name) => SEGMENT.exec(name)?.[1] ?? []).map(Number);
  return numbers.sort((a, b) => a - b);
}

/** Makes the names in a directory durable. Windows has no such call and needs none. */
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

/** The committed position: everything before it was acknowledged. `undefined` when there is none. */
export async function readPosition(directory: string): Promise<Position | undefined> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(positionPath(directory), "r");
    const value: unknown = JSON.parse(await handle.readFile("utf8"));
    return isPosition(value) ? value : undefined;
  } catch {
    // Missing or damaged: what is sent once more is recognised by its ids.
    return undefined;
  } finally {
    await handle?.close();
  }
}

/** Commits the position: afterwards, what lies before it may be removed. */
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

/** Puts damaged bytes aside, durably. */
export async function quarantine(directory: string, bytes: Buffer): Promise<void> {
  const handle = await open(join(directory, "quarantine.ndjson"), "a", FILE_MODE);
  try {
    await handle.writeFile(bytes);
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

/** How many whole lines a segment has from an offset on, and where the last of them ends. */
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
      for (let found = read.indexOf(0x0a); found >= 0; found = read.indexOf(0x0a, found + 1)) {
        lines += 1;
        end = at + found + 1;
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
