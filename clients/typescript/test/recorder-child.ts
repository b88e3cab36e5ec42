/**
 * A process to be killed: it records, tells what was vouched for, and stops for good at the step it is
 * told. Steps of the disk are reached by standing in for the calls of the system; what is tested is
 * the package as it is.
 */
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

import type { FailurePolicy } from "../src/index.js";
import { QUICK } from "./recorder-fixtures.js";
import { sample } from "./support.js";

/** Where the process stops. */
export type Step = "half a line written" | "written, not synced" | "before the position" | "before the removal" | "nowhere";

/** What the process is told. */
export interface Orders {
  readonly url: string;
  readonly key: string;
  readonly spoolDir: string;
  readonly actor: string;
  readonly failure: FailurePolicy;
  readonly step: Step;
  readonly records: number;
}

const forever = async <T>(): Promise<T> => {
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
      return forever();
    }
    return write.call(this, bytes, offset, length, position);
  };
  handle.datasync = async function () {
    return step === "written, not synced" && lines === 3 ? forever<void>() : datasync.call(this);
  };
  const { rename, unlink } = fs;
  fs.rename = async (from, to) =>
    step === "before the position" && String(to).endsWith("position.json") ? forever<void>() : rename(from, to);
  fs.unlink = async (path) =>
    step === "before the removal" && /\d+\.ndjson$/.test(String(path)) ? forever<void>() : unlink(path);
  syncBuiltinESMExports();
}

const orders = JSON.parse(process.argv[2] ?? "{}") as Orders;
await stopAt(orders.step);
const { AuditrailClient, Recorder } = await import("../src/index.js");
const client = new AuditrailClient({ url: orders.url, key: orders.key });
const recorder = await Recorder.open({ client, spoolDir: orders.spoolDir, spoolMaxBytes: 8_000, ...QUICK });
for (let i = 0; i < orders.records; i += 1) {
  const target_id = `p${i}`;
  const { state } = await recorder.record(sample(orders.actor, { target_id }), { failure: orders.failure });
  if (state !== "queued") {
    process.stdout.write(`vouched ${target_id}\n`);
  }
}
process.stdout.write("recorded\n");
setInterval(() => undefined, 60_000);
