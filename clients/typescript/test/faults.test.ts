/**
 * The table of faults in README.md: what is wrong, and what becomes of a record under each policy.
 * Whatever happens, `must` and `spool` lose nothing that they vouched for, and nothing is there twice.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";

import { AuditrailError, type FailurePolicy, Recorder, type RecorderOptions } from "../src/index.js";
import { type Fault, Proxy } from "./proxy.js";
import { balanced, QUICK, recorder } from "./recorder-fixtures.js";
import { client, live, sample, stored, temporary, unique, until } from "./support.js";

const POLICIES: readonly FailurePolicy[] = ["must", "spool", "best_effort"];

/** A fault that passes: afterwards each record is there once, under every policy. */
interface Passing {
  readonly name: string;
  readonly faults: readonly Fault[];
  readonly options?: Partial<RecorderOptions>;
  /** Tries that the service heard of and that took hold before the last one. */
  readonly heldBefore?: number;
}

const unavailable: Fault = { kind: "answer", status: 503, headers: { "retry-after": "1" } };

const PASSING: readonly Passing[] = [
  { name: "500s", faults: Array<Fault>(3).fill({ kind: "answer", status: 500, body: "oops" }) },
  { name: "a proxy that answers in HTML", faults: [{ kind: "answer", status: 200, body: "<html>" }] },
  { name: "an answer that accounts for nothing", faults: [{ kind: "answer", status: 200, body: "{}" }] },
  { name: "503 with Retry-After", faults: [unavailable] },
  { name: "the connection reset before the service heard of it", faults: [{ kind: "reset" }, { kind: "reset" }] },
  { name: "the connection reset after the service committed", faults: [{ kind: "reset_after" }], heldBefore: 1 },
  {
    name: "a slow service, which commits after we gave up waiting",
    faults: [{ kind: "hold_after" }],
    options: { requestTimeoutMs: 2_000 },
    heldBefore: 1,
  },
];

for (const failure of POLICIES) {
  describe(`a fault that passes, with ${failure}`, () => {
    for (const { name, faults, options, heldBefore = 0 } of PASSING) {
      it(`${name}: the record is there once`, async () => {
        const actor = unique();
        const proxy = await Proxy.start();
        proxy.next.push(...faults);
        const here = await recorder(proxy.url, { spoolDir: temporary(), ...options });
        const { id, state } = await here.record(sample(actor), { failure });
        assert.equal(state, { must: "acknowledged", spool: "spooled", best_effort: "queued" }[failure]);
        await until(() => here.stats().pending === 0, "delivery");
        assert.deepEqual((await stored(actor)).map((record) => record.id), [id]);
        const { sent, duplicates, retried } = here.stats();
        assert.deepEqual([sent, duplicates, retried], [1 - heldBefore, heldBefore, faults.length]);
        assert.ok(balanced(here));
      });
    }

    it("429 with Retry-After: nothing is sent before that time, not even by a flush", async () => {
      const actor = unique();
      const proxy = await Proxy.start();
      proxy.next.push({ kind: "answer", status: 429, headers: { "retry-after": "1" } });
      const here = await recorder(proxy.url, { spoolDir: temporary() });
      const recorded = here.record(sample(actor), { failure });
      await until(() => proxy.seen === 1, "the first try");
      await Promise.all([recorded, here.flush()]);
      assert.equal((await stored(actor)).length, 1);
      assert.ok((proxy.times[1] ?? 0) - (proxy.times[0] ?? 0) >= 990);
    });
  });
}

/** Starts a recorder whose service cannot be reached, and records once under each policy. */
async function recordAll(url: string, actor: string, spoolDir: string): Promise<{ here: Recorder; states: string[] }> {
  const here = await recorder(url, { spoolDir, mustTimeoutMs: 300 });
  const states: string[] = [];
  for (const failure of POLICIES) {
    const input = sample(actor, { target_id: failure });
    states.push(
      await here.record(input, { failure }).then(
        ({ state }) => state,
        (error: unknown) => (error as AuditrailError).code,
      ),
    );
  }
  return { here, states };
}

describe("a fault that stays", () => {
  const cases: readonly (readonly [string, () => Promise<string>])[] = [
    ["DNS gone", () => Promise.resolve("http://auditrail.invalid")],
    ["nobody listens", async () => {
      const proxy = await Proxy.start();
      await proxy.stop();
      return proxy.url;
    }],
    ["500s for ever", async () => {
      const proxy = await Proxy.start();
      proxy.otherwise = { kind: "answer", status: 500 };
      return proxy.url;
    }],
    ["a service that hangs", async () => {
      const proxy = await Proxy.start();
      proxy.otherwise = { kind: "hold" };
      return proxy.url;
    }],
  ];
  for (const [name, address] of cases) {
    it(`${name}: must rejects, spool keeps it for the next process, best_effort counts it`, async () => {
      const actor = unique();
      const spoolDir = temporary();
      const { here, states } = await recordAll(await address(), actor, spoolDir);
      assert.deepEqual(states, ["not_acknowledged", "spooled", "queued"]);
      assert.equal((await here.close({ deadlineMs: 0 })).pending, 1);
      assert.deepEqual(here.stats().dropped, { not_acknowledged: 1, closed: 1 });
      assert.ok(balanced(here));
      const next = await recorder(undefined, { spoolDir });
      await until(() => next.stats().redelivered === 1, "delivery by the next process");
      assert.deepEqual((await stored(actor)).map((record) => record.target_id), ["spool"]);
    });
  }

  it("Retry-After beyond what a must record can wait: it is told at once", async () => {
    const proxy = await Proxy.start();
    proxy.otherwise = { kind: "answer", status: 503, headers: { "retry-after": "120" } };
    const here = await recorder(proxy.url, { mustTimeoutMs: 60_000 });
    for (let round = 0; round < 2; round += 1) {
      await assert.rejects(here.record(sample("a")), (error: unknown) => {
        assert.ok(error instanceof AuditrailError);
        assert.deepEqual([error.code, error.status, error.retryAfter], ["not_acknowledged", 503, 120]);
        return true;
      });
    }
    assert.equal(proxy.seen, 1);
  });

  it("trouble is told when it begins and when it ends, not at each try", async () => {
    const proxy = await Proxy.start();
    proxy.otherwise = { kind: "answer", status: 500 };
    const told: (string | undefined)[] = [];
    const onTrouble = (error: AuditrailError | undefined): void => void told.push(error?.code);
    const here = await recorder(proxy.url, { spoolDir: temporary(), onTrouble });
    await here.record(sample(unique()));
    await until(() => proxy.seen >= 4, "some tries");
    proxy.otherwise = { kind: "pass" };
    await until(() => here.stats().sent === 1, "delivery");
    assert.deepEqual(told, ["http_500", undefined]);
  });
});

/** A disk of a few pages; only root may mount one. */
function smallDisk(): string | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) {
    return undefined;
  }
  const mount = join(temporary(), "disk");
  mkdirSync(mount);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", mount], { stdio: "ignore" });
  } catch {
    return undefined;
  }
  after(() => execFileSync("umount", ["-l", mount]));
  return mount;
}

describe("the disk of the spool is full", () => {
  it("spool goes straight to the service, or rejects when that is gone too; what it took is delivered", async () => {
    const actor = unique();
    const disk = smallDisk();
    // Where nothing can be mounted the limit of the spool stands in for that of the disk.
    const options = disk === undefined ? { spoolDir: temporary(), spoolMaxBytes: 40_000 } : { spoolDir: join(disk, "s") };
    const proxy = await Proxy.start();
    await proxy.stop();
    const here = await recorder(proxy.url, { ...options, mustTimeoutMs: 2_000 });
    const spooled: string[] = [];
    let full: unknown;
    while (full === undefined && spooled.length < 1_000) {
      const input = sample(actor, { metadata: { text: "x".repeat(500) } });
      await here.record(input).then(({ id }) => spooled.push(id), (error: unknown) => (full = error));
    }
    assert.ok(full instanceof AuditrailError && full.code === "spool_full", String(full));
    assert.ok(spooled.length > 10 && here.stats().dropped.spool_full === 1);
    if (disk !== undefined) {
      await proxy.restart();
      proxy.next.push({ kind: "hold" });
      await until(() => proxy.held === 1, "the first batch of the spool under way");
      const { state, id } = await here.record(sample(actor, { metadata: { text: "x".repeat(60_000) } }));
      assert.equal(state, "acknowledged");
      spooled.push(id);
      proxy.release();
    } else {
      await proxy.restart();
    }
    await here.flush({ deadlineMs: 60_000 });
    assert.deepEqual((await stored(actor)).map(({ id }) => id).sort(), spooled.sort());
    assert.ok(balanced(here) && here.stats().pending === 0);
    // With the segments removed there is room again.
    assert.equal((await here.record(sample(actor))).state, "spooled");
  });
});

describe("many records with the service gone", () => {
  it("100,000 best_effort and spool records stay within the bounds of memory and disk", async () => {
    const proxy = await Proxy.start();
    await proxy.stop();
    const here = await Recorder.open({ client: client(proxy.url), ...QUICK, spoolDir: temporary(), spoolMaxBytes: 8 * 1024 * 1024 });
    const text = "x".repeat(1_000);
    const before = live();
    let most = 0;
    for (let i = 0; i < 100_000; i += 1) {
      const failure = i % 2 === 0 ? "best_effort" : "spool";
      // Not waited for: this is what a busy application does.
      void here.record(sample("a", { metadata: { text } }), { failure }).catch(() => undefined);
      if (i % 1_000 === 0) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (i % 10_000 === 9_999) {
        most = Math.max(most, live());
      }
    }
    await until(() => here.stats().spoolBytes > 7 * 1024 * 1024, "the spool to fill");
    const { accepted, dropped, pending, spoolBytes } = here.stats();
    assert.equal(accepted, 100_000);
    assert.ok(Object.values(dropped).reduce((sum, count) => sum + count, 0) > 80_000);
    assert.ok(pending < 20_000 && spoolBytes <= 8 * 1024 * 1024 && balanced(here));
    // 16 MiB may wait, once as text and once as lines for the disk, and each record has a few objects.
    // All hundred thousand records would be 130 MiB as text alone.
    const grown = (most - before) / 1024 / 1024;
    assert.ok(grown < 64, `${grown.toFixed()} MiB`);
    await here.close({ deadlineMs: 0 });
  });
});

describe("the table in the README", () => {
  it("names every fault that is tried here", () => {
    const readme = readFileSync("README.md", "utf8");
    const rows = ["slow", "500", "Retry-After", "after the service committed", "DNS", "disk", "kill -9", "401"];
    assert.deepEqual(rows.filter((row) => !readme.includes(row)), []);
  });
});
