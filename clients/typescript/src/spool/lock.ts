/** The lock of a spool directory. */
import { createHash, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { link, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { AuditrailError, systemCode } from "../errors.js";
import { FILE_MODE, openFile } from "./trust.js";

/**
 * The process that holds the lock. The start time distinguishes it from later processes with the same
 * id.
 */
interface Holder {
  readonly pid: number;
  /** The start time of the process; `null` where the system does not provide it. */
  readonly started: string | null;
  /** Distinguishes locks of the same process. */
  readonly nonce: string;
}

/** Maximum attempts for a lock that changes hands. */
const ATTEMPTS = 5;

/** A lock held until it is released or its process ends. */
export class Lock {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Acquires the lock, also from a process that has ended. Rejects with `spool_locked`. */
  static async acquire(directory: string): Promise<Lock> {
    const path = join(directory, "lock");
    const nonce = randomUUID();
    const own = `${path}.${nonce}`;
    const holder: Holder = { pid: process.pid, started: startOf(process.pid), nonce };
    await writeFile(own, `${JSON.stringify(holder)}\n`, { flag: "wx", mode: FILE_MODE });
    try {
      await acquire(own, path);
    } finally {
      await rm(own, { force: true });
    }
    return new Lock(path);
  }

  /** Releases the lock, if the directory still exists. */
  async release(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}

async function acquire(own: string, path: string): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    if (await linked(own, path)) {
      return;
    }
    const stale = await textOf(path);
    if (stale !== undefined) {
      refuseIfAlive(path, stale);
      if (await replaced(own, path, stale)) {
        return;
      }
    }
  }
  throw locked(path, "other processes keep acquiring it");
}

/**
 * Replaces the lock of a process that has ended. Requires a second lock on replacing this particular
 * one: otherwise, of two processes that saw the stale lock, the later would replace the earlier's new
 * lock.
 */
async function replaced(own: string, path: string, stale: string): Promise<boolean> {
  const guard = `${path}.after-${createHash("sha256").update(stale).digest("hex").slice(0, 16)}`;
  await acquire(own, guard);
  try {
    if ((await textOf(path)) !== stale) {
      return false;
    }
    const copy = `${own}.copy`;
    await link(own, copy);
    await rename(copy, path);
    return true;
  } finally {
    await rm(guard, { force: true });
  }
}

/** Creates a hard link, which appears atomically with its contents, and fails if the path exists. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (systemCode(error) === "EEXIST") {
      return false;
    }
    throw error;
  }
}

/** The contents of a lock, which has a second name until the file that it was linked from is removed. */
async function textOf(path: string): Promise<string | undefined> {
  try {
    const handle = await openFile(path, "read", Number.POSITIVE_INFINITY);
    return await handle.readFile("utf8").finally(() => handle.close());
  } catch (error) {
    if (systemCode(error) === "ENOENT") {
      return undefined;
    }
    throw error;
  }
}

function refuseIfAlive(path: string, text: string): void {
  let holder: Partial<Holder>;
  try {
    holder = JSON.parse(text) as Partial<Holder>;
  } catch {
    // The file was complete before it was linked, so unreadable contents are damage, not a write in
    // progress.
    return;
  }
  const { pid, started } = holder;
  if (typeof pid === "number" && isAlive(pid) && (started ?? null) === startOf(pid)) {
    throw locked(path, `held by process ${pid}`);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === "EPERM";
  }
}

/** On Linux the boot id and the start time in clock ticks since boot; `null` elsewhere. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The process name in parentheses may contain anything, so fields are counted after it: this is the
    // 22nd.
    const ticks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
    return `${boot}/${ticks}`;
  } catch {
    return null;
  }
}

function locked(path: string, reason: string): AuditrailError {
  const detail = `the spool is in use (${path}: ${reason}); give each process its own directory`;
  return AuditrailError.local("spool_locked", detail);
}
