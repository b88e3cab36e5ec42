/** SIGKILL at each step of the delivery: every acknowledged or spooled record is stored, none twice. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import type { FailurePolicy } from "../src/index.js";
import type { RecorderArguments, Step } from "./recorder-child.js";
import { type Fault, Proxy } from "./proxy.js";
import { recorder } from "./recorder-fixtures.js";
import { service, stored, temporary, unique, until } from "./support.js";

const RECORDS = 5;

interface Case {
  readonly name: string;
  readonly step?: Step;
  /** The fault of all requests; `down` refuses connections. */
  readonly network?: Fault | "down";
  /** The output after which the process is killed. */
  readonly output: RegExp;
  /** The possible numbers of stored records in the end. */
  readonly stored: readonly number[];
}

interface Killed {
  readonly durable: string[];
  readonly spoolDir: string;
  readonly actor: string;
}

async function killed({ step = "nowhere", network, output: killAfter }: Case, failure: FailurePolicy): Promise<Killed> {
  const proxy = await Proxy.start();
  const [actor, spoolDir] = [unique(), temporary()];
  if (network === "down") {
    await proxy.stop();
  } else if (network !== undefined) {
    proxy.otherwise = network;
  }
  const args: RecorderArguments = { url: proxy.url, key: service.key, spoolDir, actor, failure, step, records: RECORDS };
  const program = fileURLToPath(new URL("recorder-child.js", import.meta.url));
  const child = spawn(process.execPath, [program, JSON.stringify(args)], { stdio: ["ignore", "pipe", "inherit"] });
  after(() => child.kill("SIGKILL"));
  let output = "";
  child.stdout.on("data", (bytes: Buffer) => (output += bytes.toString()));
  const held = network !== undefined && network !== "down" && network.kind !== "pass";
  await until(() => killAfter.test(output) && (!held || proxy.held > 0), `the step; so far: ${output}`);
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
  await proxy.stop();
  return { durable: [...output.matchAll(/durable (\S+)/g)].map(([, target = ""]) => target), spoolDir, actor };
}

const ALL = [RECORDS];

const SPOOL: readonly Case[] = [
  { name: "half a line is written", step: "half a line written", output: /at the step/, stored: [2] },
  { name: "a line is written and not synced", step: "written, not synced", output: /at the step/, stored: [2, 3] },
  { name: "durable, nothing sent", network: "down", output: /recorded/, stored: ALL },
  { name: "request in flight", network: { kind: "swallow" }, output: /recorded/, stored: ALL },
  { name: "service committed, response in flight", network: { kind: "hold_after" }, output: /recorded/, stored: ALL },
  { name: "response received, position not committed", step: "before the position", output: /recorded[^]*at the|at the[^]*recorded/, stored: ALL },
  { name: "position committed, segment not deleted", step: "before the removal", output: /recorded[^]*at the|at the[^]*recorded/, stored: ALL },
];

describe("kill of a process with the policy spool", () => {
  for (const step of SPOOL) {
    it(`${step.name}: the next process delivers the durable records once`, async () => {
      const { durable, spoolDir, actor } = await killed(step, "spool");
      const next = await recorder(undefined, { spoolDir, spoolMaxBytes: 8_000 });
      await until(() => next.stats().pending === 0, "delivery");
      const targets = (await stored(actor)).map((record) => record.target_id);
      assert.equal(new Set(targets).size, targets.length, "no record is stored twice");
      assert.deepEqual(durable.filter((target) => !targets.includes(target)), [], "no durable record is lost");
      assert.ok(step.stored.includes(targets.length), `${targets.length} are stored`);
      assert.equal(next.stats().torn, step.step === "half a line written" ? 1 : 0);
      assert.equal(next.stats().quarantined, 0);
    });
  }
});

const MEMORY: readonly (Case & { readonly failure: FailurePolicy })[] = [
  { name: "request in flight", failure: "must", network: { kind: "swallow" }, output: /^/, stored: [0] },
  { name: "service committed", failure: "must", network: { kind: "hold_after" }, output: /^/, stored: [1] },
  { name: "all records acknowledged", failure: "must", output: /recorded/, stored: ALL },
  { name: "request in flight", failure: "best_effort", network: { kind: "swallow" }, output: /recorded/, stored: [0] },
  { name: "service committed", failure: "best_effort", network: { kind: "hold_after" }, output: /recorded/, stored: [1, 2, 3, 4, 5] },
];

describe("kill of a process with the policies must and best_effort", () => {
  for (const step of MEMORY) {
    it(`${step.name}, with ${step.failure}: acknowledged records are stored, none twice`, async () => {
      const { durable, actor } = await killed(step, step.failure);
      const targets = (await stored(actor)).map((record) => record.target_id);
      assert.equal(new Set(targets).size, targets.length);
      assert.deepEqual(durable.filter((target) => !targets.includes(target)), []);
      assert.ok(step.stored.includes(targets.length), `${targets.length} are stored`);
    });
  }
});
