/** Refused records are kept with the reason, counted, and reported without any set-up. */
import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";

import type { FailurePolicy, RecordInput } from "../src/index.js";
import { balanced, recorder, spooling } from "./recorder-fixtures.js";
import { client, sample, service, stored, temporary, unique } from "./support.js";

const POLICIES: readonly FailurePolicy[] = ["must", "spool", "best_effort"];

interface DeadLetter {
  readonly time: string;
  readonly code: string;
  readonly detail: string;
  readonly record: RecordInput;
}

function deadLetters(directory: string): DeadLetter[] {
  const lines = readFileSync(join(directory, "refused.ndjson"), "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as DeadLetter);
}

/** A record that only the service can refuse: it has its id with other content. */
async function refusable(more: Partial<RecordInput> = {}): Promise<RecordInput> {
  const input = { ...sample(unique()), id: crypto.randomUUID(), ...more };
  await client().create(sample(unique(), { id: input.id }));
  return input;
}

/** The warnings of the process during a test. */
function warnings(t: TestContext): { readonly code: string; readonly message: string }[] {
  const found: { code: string; message: string }[] = [];
  t.mock.method(process, "emitWarning", (message: string, { code }: { code: string }) => {
    found.push({ code, message });
  });
  return found;
}

describe("a record that the service refuses", () => {
  for (const failure of POLICIES) {
    it(`is kept in refused.ndjson with the reason: ${failure}`, async (t) => {
      const warned = warnings(t);
      const spoolDir = temporary();
      const here = await spooling(undefined, { spoolDir });
      const [one, two] = [await refusable({ metadata: { text: `key ${service.key}` } }), await refusable()];
      for (const input of [one, two]) {
        await here.record(input, { failure }).catch(() => undefined);
      }
      await here.close();
      const kept = deadLetters(spoolDir);
      assert.deepEqual(kept.map(({ code, record }) => [code, record.id]), [["id_conflict", one.id], ["id_conflict", two.id]]);
      assert.ok(kept.every(({ detail, time }) => detail !== "" && Math.abs(Date.parse(time) - Date.now()) < 60_000));
      assert.deepEqual(kept[0]?.record.metadata, { text: "key [key]" });
      const { deadLetters: written, refusedBy, pending } = here.stats();
      assert.deepEqual([written, refusedBy, pending], [2, { id_conflict: 2 }, 0]);
      assert.deepEqual(warned.map(({ code }) => code), ["AUDITRAIL_REFUSED_ID_CONFLICT"]);
      assert.match(warned[0]?.message ?? "", /id_conflict.*refused\.ndjson/);
      assert.equal(statSync(join(spoolDir, "refused.ndjson")).mode & 0o777, 0o600);
    });
  }

  it("is reported by the callback without a spool directory", async (t) => {
    const warned = warnings(t);
    const refused: string[] = [];
    const here = await recorder(undefined, { onRefused: (record, { code }) => refused.push(`${String(record.id)} ${code}`) });
    const input = await refusable();
    await here.record(input, { failure: "best_effort" });
    await here.flush();
    assert.deepEqual([refused, warned], [[`${String(input.id)} id_conflict`], []]);
  });

  it("is warned of once per code without any callback", async (t) => {
    const warned = warnings(t);
    const here = await recorder(undefined, { failure: "best_effort" });
    for (let i = 0; i < 3; i += 1) {
      await here.record(await refusable());
      await here.record(sample(""));
    }
    await here.flush();
    assert.deepEqual(warned.map(({ code }) => code).sort(), ["AUDITRAIL_REFUSED_EMPTY", "AUDITRAIL_REFUSED_ID_CONFLICT"]);
    assert.ok(balanced(here));
  });
});

describe("an invalid record", () => {
  it("is kept with all errors, and only counted if not JSON", async () => {
    const spoolDir = temporary();
    const here = await spooling(undefined, { spoolDir, onRefused: () => undefined });
    await assert.rejects(here.record(sample("", { target_id: "" })), { code: "empty" });
    await assert.rejects(here.record({ ...sample("a"), metadata: { n: { toJSON: () => { throw new Error("no"); } } } } as unknown as RecordInput), { code: "not_json" });
    await here.close();
    const [only, ...others] = deadLetters(spoolDir) as (DeadLetter & { errors: { pointer: string }[] })[];
    assert.deepEqual(only?.errors.map(({ pointer }) => pointer), ["/actor_id", "/target_id"]);
    assert.deepEqual([others.length, here.stats().deadLetters, here.stats().refused], [0, 1, 2]);
  });
});

describe("refused.ndjson", () => {
  it("stays within its limit, and counts what it does not keep", async (t) => {
    const warned = warnings(t);
    const spoolDir = temporary();
    const here = await spooling(undefined, { spoolDir, deadLettersMaxBytes: 2_000 });
    for (let i = 0; i < 20; i += 1) {
      await here.record(sample("", { target_id: `p${i}` })).catch(() => undefined);
    }
    await here.close();
    const { deadLetters: kept, deadLettersDropped, refused } = here.stats();
    assert.ok(kept > 2 && kept + deadLettersDropped === 20 && refused === 20, `${kept} + ${deadLettersDropped}`);
    assert.equal(deadLetters(spoolDir).length, kept);
    assert.ok(statSync(join(spoolDir, "refused.ndjson")).size <= 2_000);
    assert.ok(warned.some(({ code, message }) => code === "AUDITRAIL_DEAD_LETTERS" && message.includes("limit")));
  });

  it("is continued after a line that a crash left incomplete", async () => {
    const spoolDir = temporary();
    appendFileSync(join(spoolDir, "refused.ndjson"), '{"time":"2026');
    const here = await spooling(undefined, { spoolDir, onRefused: () => undefined });
    await here.record(sample("")).catch(() => undefined);
    await here.close();
    const lines = readFileSync(join(spoolDir, "refused.ndjson"), "utf8").trimEnd().split("\n");
    assert.deepEqual([lines.length, (JSON.parse(lines[1] ?? "") as DeadLetter).code], [2, "empty"]);
  });

  it("does not hold up other records if it cannot be written", async (t) => {
    const warned = warnings(t);
    const actor = unique();
    const spoolDir = temporary();
    const here = await spooling(undefined, { spoolDir });
    mkdirSync(join(spoolDir, "refused.ndjson"));
    await here.record(await refusable());
    await here.record(sample(actor));
    await here.flush();
    assert.deepEqual([(await stored(actor)).length, here.stats().deadLettersDropped], [1, 1]);
    assert.ok(warned.some(({ code }) => code === "AUDITRAIL_DEAD_LETTERS"));
  });
});
