/**
 * Test fixture: a process that records, prints the durable records, and blocks at a given step until it is
 * killed. Steps of the spool are intercepted by wrapping the functions of `node:fs`; the package itself is
 * unchanged.
 */
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

import type { FailurePolicy } from "../src/index.js";
import { QUICK } from "./recorder-fixtures.js";
import { sample } from "./support.js";

/** The step at which the process blocks. */
export type Step = "half a line written" | "written, not synced" | "before the position" | "before the removal" | "nowhere";

/** Arguments of the process. */
export interface RecorderArguments {
  readonly url: string;
  readonly key: string;
  readonly spoolDir: string;
  readonly actor: string;
  readonly failure: FailurePolicy;
  readonly step: Step;
  readonly records: number;
}

const blockForever = async <T>(): Promise<T> => {
  process.stdout.write("at the step\n");
  return new Promise<T>(() => setInterval(() => undefined, 60_000));
};

interface Handle {
  write: (bytes: Uint8Array, offset: number, length: number, position: number) => Promise<{ bytesWritten: number }>;
  datasync: () => Promise<void>;
}

async function stopAt(step: Step): Promise<void> {
  const opened = await fs.open("/dev/null", "r");
  const handle = Object.getPrototypeOf(opened) as Handle;
  await opened.close();
  const { write, datasync } = handle;
  let lines = 0;
  handle.write = async function (bytes, offset, length, position) {
    lines += 1;
    if (step === "half a line written" && lines === 3) {
      await write.call(this, bytes, offset, Math.floor(length / 2), position);
      return blockForever();
    }
    return write.call(this, bytes, offset, length, position);
  };
  handle.datasync = async function () {
    return step === "written, not synced" && lines === 3 ? blockForever<void>() : datasync.call(this);
  };
  const { rename, unlink } = fs;
  fs.rename = async (from, to) =>
    step === "before the position" && String(to).endsWith("position.json") ? blockForever<void>() : rename(from, to);
  fs.unlink = async (path) =>
    step === "before the removal" && /\d+\.ndjson$/.test(String(path)) ? blockForever<void>() : unlink(path);
  syncBuiltinESMExports();
}

const args = JSON.parse(process.argv[2] ?? "{}") as RecorderArguments;
await stopAt(args.step);
const { AuditrailClient, Recorder } = await import("../src/index.js");
const client = new AuditrailClient({ url: args.url, key: args.key });
const recorder = await Recorder.open({ client, spoolDir: args.spoolDir, spoolMaxBytes: 8_000, ...QUICK });
for (let i = 0; i < args.records; i += 1) {
  const target_id = `p${i}`;
  const { state } = await recorder.record(sample(args.actor, { target_id }), { failure: args.failure });
  if (state !== "queued") {
    process.stdout.write(`durable ${target_id}\n`);
  }
}
process.stdout.write("recorded\n");
setInterval(() => undefined, 60_000);
