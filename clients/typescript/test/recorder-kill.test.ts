/** kill -9 at each step of a record's way: what was vouched for is there, once. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import type { FailurePolicy } from "../src/index.js";
import type { Orders, Step } from "./recorder-child.js";
import { type Fault, Proxy } from "./proxy.js";
import { recorder } from "./recorder-fixtures.js";
import { service, stored, temporary, unique, until } from "./support.js";

const RECORDS = 5;

interface Case {
  readonly name: string;
  readonly step?: Step;
  /** What the network does to every request. */
  readonly network?: Fault | "gone";
  /** What the process has told when it is killed. */
  readonly told: RegExp;
  /** How many records are there in the end. */
  readonly there: readonly number[];
}

interface Killed {
  readonly vouched: string[];
  readonly spoolDir: string;
  readonly actor: string;
}

async function killed({ step = "nowhere", network, told }: Case, failure: FailurePolicy): Promise<Killed> {
  const proxy = await Proxy.start();
  const [actor, spoolDir] = [unique(), temporary()];
  if (network === "gone") {
    await proxy.stop();
  } else if (network !== undefined) {
    proxy.otherwise = network;
  }
  const orders: Orders = { url: proxy.url, key: service.key, spoolDir, actor, failure, step, records: RECORDS };
  const program = fileURLToPath(new URL("recorder-child.js", import.meta.url));
  const child = spawn(process.execPath, [program, JSON.stringify(orders)], { stdio: ["ignore", "pipe", "inherit"] });
  after(() => child.kill("SIGKILL"));
  let output = "";
  child.stdout.on("data", (bytes: Buffer) => (output += bytes.toString()));
  const held = network !== undefined && network !== "gone" && network.kind !== "pass";
  await until(() => told.test(output) && (!held || proxy.held > 0), `the step; so far: ${output}`);
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
  await proxy.stop();
  return { vouched: [...output.matchAll(/vouched (\S+)/g)].map(([, target = ""]) => target), spoolDir, actor };
}

const ALL = [RECORDS];

const SPOOL: readonly Case[] = [
  { name: "half a line was written", step: "half a line written", told: /at the step/, there: [2] },
  { name: "a line was written and not synced", step: "written, not synced", told: /at the step/, there: [2, 3] },
  { name: "durable, and nothing sent", network: "gone", told: /recorded/, there: ALL },
  { name: "the request was on its way", network: { kind: "swallow" }, told: /recorded/, there: ALL },
  { name: "the service had committed, the answer was on its way", network: { kind: "hold_after" }, told: /recorded/, there: ALL },
  { name: "answered, the position not committed", step: "before the position", told: /recorded[^]*at the|at the[^]*recorded/, there: ALL },
  { name: "the position committed, the segment not removed", step: "before the removal", told: /recorded[^]*at the|at the[^]*recorded/, there: ALL },
];

describe("a process with the policy spool is killed when", () => {
  for (const step of SPOOL) {
    it(`${step.name}: the next process delivers what was vouched for, once`, async () => {
      const { vouched, spoolDir, actor } = await killed(step, "spool");
      const next = await recorder(undefined, { spoolDir, spoolMaxBytes: 8_000 });
      await until(() => next.stats().pending === 0, "delivery");
      const targets = (await stored(actor)).map((record) => record.target_id);
      assert.equal(new Set(targets).size, targets.length, "nothing is there twice");
      assert.deepEqual(vouched.filter((target) => !targets.includes(target)), [], "nothing vouched for is lost");
      assert.ok(step.there.includes(targets.length), `${targets.length} are there`);
      assert.equal(next.stats().torn, step.step === "half a line written" ? 1 : 0);
      assert.equal(next.stats().quarantined, 0);
    });
  }
});

const MEMORY: readonly (Case & { readonly failure: FailurePolicy })[] = [
  { name: "the request was on its way", failure: "must", network: { kind: "swallow" }, told: /^/, there: [0] },
  { name: "the service had committed", failure: "must", network: { kind: "hold_after" }, told: /^/, there: [1] },
  { name: "everything was acknowledged", failure: "must", told: /recorded/, there: ALL },
  { name: "the request was on its way", failure: "best_effort", network: { kind: "swallow" }, told: /recorded/, there: [0] },
  { name: "the service had committed", failure: "best_effort", network: { kind: "hold_after" }, told: /recorded/, there: [1, 2, 3, 4, 5] },
];

describe("a process without a spool's vouching is killed when", () => {
  for (const step of MEMORY) {
    it(`${step.name}, with ${step.failure}: what was acknowledged is there, and nothing twice`, async () => {
      const { vouched, actor } = await killed(step, step.failure);
      const targets = (await stored(actor)).map((record) => record.target_id);
      assert.equal(new Set(targets).size, targets.length);
      assert.deepEqual(vouched.filter((target) => !targets.includes(target)), []);
      assert.ok(step.there.includes(targets.length), `${targets.length} are there`);
    });
  }
});
