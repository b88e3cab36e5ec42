/** One process for each spool directory. */
import { createHash, randomUUID } from "node:crypto";
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { AuditrailError, systemCode } from "../errors.js";
import { FILE_MODE } from "./files.js";

/** Who holds the lock: a process id means nothing without the time it started. */
interface Holder {
  readonly pid: number;
  /** When that process started, as the system tells it; `null` where it does not. */
  readonly started: string | null;
  /** Tells this lock from another of the same process. */
  readonly nonce: string;
}

/** How often a lock that changes hands is looked at before giving up. */
const TRIES = 5;

/** A lock that is held until it is released or its process ends. */
export class Lock {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Takes the lock, also from a process that is gone. Fails with `spool_locked`. */
  static async take(directory: string): Promise<Lock> {
    const path = join(directory, "lock");
    const nonce = randomUUID();
    const mine = `${path}.${nonce}`;
    const me: Holder = { pid: process.pid, started: startOf(process.pid), nonce };
    await writeFile(mine, `${JSON.stringify(me)}\n`, { flag: "wx", mode: FILE_MODE });
    try {
      await take(mine, path);
    } finally {
      await rm(mine, { force: true });
    }
    return new Lock(path);
  }

  /** Gives the lock back. Where somebody removed the directory there is none to give back. */
  async release(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}

async function take(mine: string, path: string): Promise<void> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    if (await linked(mine, path)) {
      return;
    }
    const stale = await textOf(path);
    if (stale !== undefined) {
      refuseIfAlive(path, stale);
      if (await replaced(mine, path, stale)) {
        return;
      }
    }
  }
  throw locked(path, "other processes keep taking it");
}

/**
 * Replaces the lock of a process that is gone. Only who has the lock on replacing just that one may do
 * it, or of two who saw it stale the later would replace the fresh lock of the earlier.
 */
async function replaced(mine: string, path: string, stale: string): Promise<boolean> {
  const right = `${path}.after-${createHash("sha256").update(stale).digest("hex").slice(0, 16)}`;
  await take(mine, right);
  try {
    if ((await textOf(path)) !== stale) {
      return false;
    }
    const copy = `${mine}.copy`;
    await link(mine, copy);
    await rename(copy, path);
    return true;
  } finally {
    await rm(right, { force: true });
  }
}

/** A link appears with its content and only where there is none, both at once. */
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

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
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
    // It was written before its name appeared, so what cannot be read is damage, not haste.
    return;
  }
  const { pid, started } = holder;
  if (typeof pid === "number" && isAlive(pid) && (started ?? null) === startOf(pid)) {
    throw locked(path, `process ${pid} holds it`);
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

/** On Linux, the boot and the clock ticks since it; elsewhere the id alone has to do. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name in parentheses may hold anything, so fields are counted after it: this is the 22nd.
    const ticks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
    return `${boot}/${ticks}`;
  } catch {
    return null;
  }
}

function locked(path: string, who: string): AuditrailError {
  const detail = `the spool is in use (${path}: ${who}); give each process a directory of its own`;
  return AuditrailError.local("spool_locked", detail);
}
