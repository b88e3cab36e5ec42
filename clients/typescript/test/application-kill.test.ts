/** SIGKILL of an application under load: every answered request has its record, once. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import type { FailurePolicy } from "../src/index.js";
import type { ApplicationArguments } from "./application-child.js";
import { DISTINCT } from "./applications.js";
import { Proxy } from "./proxy.js";
import { recorder } from "./recorder-fixtures.js";
import { service, stored, temporary, unique, until } from "./support.js";

const CALLERS = 16;
const BEFORE_THE_KILL = 300;
const ROUNDS = 3;

/** Sends requests until the application is gone; collects the targets of the answered ones. */
async function call(url: string, actor: string, name: string, answered: string[]): Promise<void> {
  for (let number = 0; ; number += 1) {
    const id = `${name}-${number}`;
    try {
      const response = await fetch(`${url}/things/${id}`, { method: "POST", headers: { "x-user": actor } });
      await response.text();
      assert.equal(response.status, 201);
      answered.push(id);
    } catch (error) {
      if (error instanceof assert.AssertionError) {
        throw error;
      }
      return;
    }
  }
}

async function killed(args: ApplicationArguments, actor: string, name: string): Promise<string[]> {
  const program = fileURLToPath(new URL("application-child.js", import.meta.url));
  const child = spawn(process.execPath, [program, JSON.stringify(args)], { stdio: ["ignore", "pipe", "inherit"] });
  after(() => child.kill("SIGKILL"));
  let output = "";
  child.stdout.on("data", (bytes: Buffer) => (output += bytes.toString()));
  await until(() => output.includes("\n"), "the application");
  const url = /listening (\S+)/.exec(output)?.[1] ?? "";
  const answered: string[] = [];
  const callers = Array.from({ length: CALLERS }, (_, caller) => call(url, actor, `${name}-${caller}`, answered));
  await until(() => answered.length >= BEFORE_THE_KILL, "requests to be answered");
  child.kill("SIGKILL");
  await Promise.all([...callers, once(child, "exit")]);
  return answered;
}

/** The number of records by target. */
async function counts(actor: string, phase: string | undefined): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const { target_id, metadata } of await stored(actor)) {
    if (metadata?.["phase"] === phase) {
      counts.set(target_id, (counts.get(target_id) ?? 0) + 1);
    }
  }
  return counts;
}

const CASES: readonly (readonly [FailurePolicy, string, readonly (string | undefined)[]])[] = [
  ["spool", "up", [undefined]],
  ["spool", "down", [undefined]],
  ["must", "up", ["intent", "outcome"]],
];

for (const framework of DISTINCT) {
  describe(`kill under load with ${framework}`, () => {
    for (const [failure, is, phases] of CASES) {
      it(`every answered request is recorded with ${failure}, service ${is}`, async () => {
        const [actor, spoolDir, proxy] = [unique(), temporary(), await Proxy.start()];
        if (is === "down") {
          await proxy.stop();
        }
        const args: ApplicationArguments = { url: proxy.url, key: service.key, spoolDir, framework, failure };
        const answered: string[] = [];
        for (let round = 0; round < ROUNDS; round += 1) {
          answered.push(...(await killed(args, actor, `r${round}`)));
        }
        const next = await recorder(undefined, { spoolDir });
        await until(() => next.stats().pending === 0, "delivery");
        for (const phase of phases) {
          const found = await counts(actor, phase);
          assert.deepEqual(answered.filter((id) => !found.has(id)), [], "every answered request has a record");
          assert.deepEqual([...found].filter(([, count]) => count > 1), [], "no record is stored twice");
        }
        assert.ok(answered.length >= BEFORE_THE_KILL * ROUNDS);
      });
    }
  });
}
