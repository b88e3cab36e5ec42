/**
 * Whether the directory of a spool and its files belong to this process alone.
 *
 * Records of the spool are delivered with the API key of this process. A user who can write to the directory could
 * forge them, and links in it could redirect writes to other files. The Rust client has the same rules and messages.
 * On Windows, which has no owners and modes in this sense, only the kind of a file is checked.
 */
import { constants, type Stats } from "node:fs";
import { type FileHandle, lstat, open } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";

import { AuditrailError, systemCode } from "../errors.js";

/** Owner only: records contain personal data. */
export const FILE_MODE = 0o600;
/** Owner only; for the directory and those that are created above it. */
export const DIRECTORY_MODE = 0o700;

/** The bits with which group and others can write. */
const WRITABLE_BY_OTHERS = 0o022;
/** The permission bits of a mode. */
const PERMISSIONS = 0o7777;

/** Links are not followed, and pipes do not block. Undefined on Windows. */
const SAFELY = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/** How a file is opened. */
const FLAGS = {
  read: constants.O_RDONLY,
  update: constants.O_RDWR,
  /** Creates the file if it does not exist. */
  append: constants.O_RDWR | constants.O_APPEND | constants.O_CREAT,
} as const;

/**
 * Checks that no other user owns the directory or can write to it. Rejects with `spool_unsafe`.
 *
 * Others may read an existing directory, which may have other uses; the files are readable by their owner only.
 */
export async function checkDirectory(path: string): Promise<void> {
  const me = user();
  if (me === undefined) {
    return;
  }
  // Without a trailing slash, which would follow a link.
  const link = await lstat(resolve(path));
  if (link.isSymbolicLink() && link.uid !== me && link.uid !== 0) {
    throw unsafe(path, `it is a symbolic link of user ${link.uid}; use the directory itself`);
  }
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | (constants.O_NONBLOCK ?? 0));
  try {
    const { uid, mode } = await handle.stat();
    if (uid !== me) {
      const detail = `it belongs to user ${uid}, but this process runs as user ${me}; give the process a directory of its own`;
      throw unsafe(path, detail);
    }
    if ((mode & WRITABLE_BY_OTHERS) !== 0) {
      const detail = `group or others can write to it (mode ${octal(mode)}); remove what others put there, then run \`chmod 700\` on it`;
      throw unsafe(path, detail);
    }
  } finally {
    await handle.close();
  }
}

/**
 * Opens a file of the spool, which must be a regular one of this user alone. Rejects with `spool_unsafe`, or with the
 * error of the system.
 */
export async function openFile(path: string, how: keyof typeof FLAGS, names = 1): Promise<FileHandle> {
  let handle: FileHandle;
  try {
    handle = await open(path, FLAGS[how] | SAFELY, FILE_MODE);
  } catch (error) {
    // A link, a socket, or a directory.
    const isOther = ["ELOOP", "EMLINK", "ENXIO", "EISDIR"].includes(systemCode(error) ?? "");
    throw isOther ? unsafeFile(path, "is not a regular file") : error;
  }
  try {
    const fault = faultOf(await handle.stat(), names);
    if (fault !== undefined) {
      throw unsafeFile(path, fault);
    }
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Creates a file that does not exist yet. A link is never followed. */
export async function createFile(path: string): Promise<FileHandle> {
  return open(path, "wx", FILE_MODE);
}

/** Checks a file of the spool, if it exists. Rejects with `spool_unsafe`. */
export async function checkFile(path: string, names = 1): Promise<void> {
  let stats: Stats;
  try {
    stats = await lstat(path);
  } catch (error) {
    if (systemCode(error) === "ENOENT") {
      return;
    }
    throw error;
  }
  const fault = faultOf(stats, names);
  if (fault !== undefined) {
    throw unsafeFile(path, fault);
  }
}

/** What is wrong with a file, as the end of a sentence about it. `names` is the maximum of hard links. */
function faultOf(stats: Stats, names: number): string | undefined {
  const me = user();
  if (!stats.isFile()) {
    return "is not a regular file";
  }
  if (me === undefined) {
    return undefined;
  }
  if (stats.uid !== me) {
    return `belongs to user ${stats.uid}`;
  }
  if ((stats.mode & WRITABLE_BY_OTHERS) !== 0) {
    return `can be written by group or others (mode ${octal(stats.mode)})`;
  }
  return stats.nlink > names ? `has ${stats.nlink} names (hard links)` : undefined;
}

/** The effective user; `undefined` on Windows. */
function user(): number | undefined {
  return process.geteuid?.();
}

function octal(mode: number): string {
  return (mode & PERMISSIONS).toString(8).padStart(4, "0");
}

function unsafeFile(path: string, fault: string): AuditrailError {
  return unsafe(dirname(path), `${basename(path)} in it ${fault}; look at it, then remove it`);
}

function unsafe(directory: string, detail: string): AuditrailError {
  return AuditrailError.local("spool_unsafe", `the spool ${directory} is not safe to use: ${detail}`);
}
