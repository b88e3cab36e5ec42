/**
 * The table of faults in README.md: the outcome of a record under each policy. No acknowledged or spooled
 * record is lost, and none is stored twice.
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

/** A transient fault: afterwards each record is stored once, under every policy. */
interface Transient {
  readonly name: string;
  readonly faults: readonly Fault[];
  readonly options?: Partial<RecorderOptions>;
  /** Earlier attempts that the service committed. */
  readonly committedBefore?: number;
}

const unavailable: Fault = { kind: "answer", status: 503, headers: { "retry-after": "1" } };

const TRANSIENT: readonly Transient[] = [
  { name: "status 500", faults: Array<Fault>(3).fill({ kind: "answer", status: 500, body: "oops" }) },
  { name: "HTML response of a proxy", faults: [{ kind: "answer", status: 200, body: "<html>" }] },
  { name: "empty JSON response", faults: [{ kind: "answer", status: 200, body: "{}" }] },
  { name: "503 with Retry-After", faults: [unavailable] },
  { name: "connection reset before the request arrived", faults: [{ kind: "reset" }, { kind: "reset" }] },
  { name: "connection reset after the service committed", faults: [{ kind: "reset_after" }], committedBefore: 1 },
  {
    name: "slow service that commits after the timeout",
    faults: [{ kind: "hold_after" }],
    options: { requestTimeoutMs: 2_000 },
    committedBefore: 1,
  },
];

for (const failure of POLICIES) {
  describe(`a transient fault with ${failure}`, () => {
    for (const { name, faults, options, committedBefore = 0 } of TRANSIENT) {
      it(`${name}: the record is stored once`, async () => {
        const actor = unique();
        const proxy = await Proxy.start();
        proxy.next.push(...faults);
        const here = await recorder(proxy.url, { spoolDir: temporary(), ...options });
        const { id, state } = await here.record(sample(actor), { failure });
        assert.equal(state, { must: "acknowledged", spool: "spooled", best_effort: "queued" }[failure]);
        await until(() => here.stats().pending === 0, "delivery");
        assert.deepEqual((await stored(actor)).map((record) => record.id), [id]);
        const { sent, duplicates, retried } = here.stats();
        assert.deepEqual([sent, duplicates, retried], [1 - committedBefore, committedBefore, faults.length]);
        assert.ok(balanced(here));
      });
    }

    it("429 with Retry-After: a flush does not send earlier", async () => {
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

/** Opens a recorder with an unreachable service, and records once under each policy. */
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

describe("a permanent fault", () => {
  const cases: readonly (readonly [string, () => Promise<string>])[] = [
    ["DNS failure", () => Promise.resolve("http://auditrail.invalid")],
    ["connection refused", async () => {
      const proxy = await Proxy.start();
      await proxy.stop();
      return proxy.url;
    }],
    ["status 500", async () => {
      const proxy = await Proxy.start();
      proxy.otherwise = { kind: "answer", status: 500 };
      return proxy.url;
    }],
    ["no response", async () => {
      const proxy = await Proxy.start();
      proxy.otherwise = { kind: "hold" };
      return proxy.url;
    }],
  ];
  for (const [name, address] of cases) {
    it(`${name}: must rejects, spool keeps, best_effort counts the record`, async () => {
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

  it("must rejects at once if Retry-After exceeds its deadline", async () => {
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

  it("onTrouble is called at the start and end of an outage only", async () => {
    const proxy = await Proxy.start();
    proxy.otherwise = { kind: "answer", status: 500 };
    const reported: (string | undefined)[] = [];
    const onTrouble = (error: AuditrailError | undefined): void => void reported.push(error?.code);
    const here = await recorder(proxy.url, { spoolDir: temporary(), onTrouble });
    await here.record(sample(unique()));
    await until(() => proxy.seen >= 4, "some attempts");
    proxy.otherwise = { kind: "pass" };
    await until(() => here.stats().sent === 1, "delivery");
    assert.deepEqual(reported, ["http_500", undefined]);
  });
});

/** A tmpfs of a few pages; mounting one needs root. */
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

describe("a full disk", () => {
  it("sends directly, else rejects, and delivers the spooled records", async () => {
    const actor = unique();
    const disk = smallDisk();
    // Without the privilege to mount, the limit of the spool stands in for that of the disk.
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
      await until(() => proxy.held === 1, "the first batch of the spool in flight");
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
    // The deleted segments freed space.
    assert.equal((await here.record(sample(actor))).state, "spooled");
  });
});

describe("many records while the service is down", () => {
  it("memory and disk stay within their limits", async () => {
    const proxy = await Proxy.start();
    await proxy.stop();
    const here = await Recorder.open({ client: client(proxy.url), ...QUICK, spoolDir: temporary(), spoolMaxBytes: 8 * 1024 * 1024 });
    const text = "x".repeat(1_000);
    const before = live();
    let peak = 0;
    for (let i = 0; i < 100_000; i += 1) {
      const failure = i % 2 === 0 ? "best_effort" : "spool";
      // Not awaited, as in a busy application.
      void here.record(sample("a", { metadata: { text } }), { failure }).catch(() => undefined);
      if (i % 1_000 === 0) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (i % 10_000 === 9_999) {
        peak = Math.max(peak, live());
      }
    }
    await until(() => here.stats().spoolBytes > 7 * 1024 * 1024, "the spool to fill");
    const { accepted, dropped, pending, spoolBytes } = here.stats();
    assert.equal(accepted, 100_000);
    assert.ok(Object.values(dropped).reduce((sum, count) => sum + count, 0) > 80_000);
    assert.ok(pending < 20_000 && spoolBytes <= 8 * 1024 * 1024 && balanced(here));
    // 16 MiB may be queued, once as text and once as lines for the disk, and each record has a few objects.
    // All hundred thousand records would be 130 MiB of text alone.
    const grown = (peak - before) / 1024 / 1024;
    assert.ok(grown < 64, `${grown.toFixed()} MiB`);
    await here.close({ deadlineMs: 0 });
  });
});

describe("the table in the README", () => {
  it("names every tested fault", () => {
    const readme = readFileSync("README.md", "utf8");
    const rows = ["slow", "500", "Retry-After", "after the service committed", "DNS", "disk", "kill -9", "401"];
    assert.deepEqual(rows.filter((row) => !readme.includes(row)), []);
  });
});
