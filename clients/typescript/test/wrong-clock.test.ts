/** A wrong clock of this machine costs no record whose time the recorder set. */
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";

import type { FailurePolicy } from "../src/index.js";
import { Spool } from "../src/spool/spool.js";
import { Proxy } from "./proxy.js";
import { balanced, recorder, spooling } from "./recorder-fixtures.js";
import { client, sample, stored, temporary, unique } from "./support.js";

const POLICIES: readonly FailurePolicy[] = ["must", "spool", "best_effort"];
const MINUTE = 60_000;
const YEAR = 365.25 * 24 * 60 * MINUTE;

/** Sets the clock of this process ahead, until the end of the test. */
function ahead(t: TestContext, ms: number): void {
  const now = Date.now.bind(Date);
  t.mock.method(Date, "now", () => now() + ms);
}

/** A time of this machine, as far ahead as its clock was set. */
function inMs(ms: number): string {
  return new Date(performance.timeOrigin + performance.now() + ms).toISOString();
}

/** Whether a stored time is that of the service. */
function isNow(text: string | undefined): boolean {
  return Math.abs(Date.parse(text ?? "") - Date.parse(inMs(0))) < MINUTE;
}

describe("a clock that is ahead", () => {
  for (const [name, ms] of [["400 s", 400_000], ["a year", YEAR], ["8,000 years", 8_000 * YEAR]] as const) {
    it(`by ${name}: the time of the service is stored`, async (t) => {
      ahead(t, ms);
      for (const failure of POLICIES) {
        const actor = unique();
        const here = await spooling(undefined);
        const results = await Promise.all([1, 2, 3].map(() => here.record(sample(actor), { failure })));
        await here.flush();
        const records = await stored(actor);
        assert.deepEqual(records.map(({ id }) => id).sort(), results.map(({ id }) => id).sort(), failure);
        assert.ok(records.every(({ created_at }) => isNow(created_at)));
        const { sent, refused, pending } = here.stats();
        assert.deepEqual([sent, refused, pending], [3, 0, 0]);
        assert.ok(balanced(here));
      }
    });
  }

  it("is forgiven in records of an earlier process", async (t) => {
    const actor = unique();
    const spoolDir = temporary();
    ahead(t, 400_000);
    const proxy = await Proxy.start();
    await proxy.stop();
    const first = await recorder(proxy.url, { spoolDir, onTrouble: () => undefined });
    const { id } = await first.record(sample(actor));
    await first.close({ deadlineMs: 0 });
    const second = await recorder(undefined, { spoolDir });
    await second.flush();
    const [record] = await stored(actor);
    assert.ok(record?.id === id && isNow(record.created_at));
  });

  it("stores a record once if a response is lost", async (t) => {
    ahead(t, 400_000);
    for (const failure of POLICIES) {
      const actor = unique();
      const proxy = await Proxy.start();
      const here = await spooling(proxy.url);
      // The first request is refused, the second commits.
      proxy.next.push({ kind: "pass" }, { kind: "reset_after" });
      await here.record(sample(actor), { failure });
      await here.flush();
      const { sent, duplicates, refused } = here.stats();
      assert.deepEqual([(await stored(actor)).length, sent, duplicates, refused], [1, 0, 1, 0]);
    }
  });

  it("makes a time of the application invalid before it is spooled", async (t) => {
    ahead(t, 400_000);
    const here = await spooling(undefined, { onRefused: () => undefined });
    await here.check();
    const input = sample(unique(), { created_at: new Date(Date.now()).toISOString() });
    await assert.rejects(here.record(input), { code: "in_future" });
  });
});

describe("a clock that is behind", () => {
  it("does not make the right time of the application invalid", async (t) => {
    const actor = unique();
    ahead(t, -3_600_000);
    const here = await spooling(undefined);
    await here.check();
    await here.record(sample(actor, { created_at: inMs(0) }));
    await here.record(sample(actor));
    await here.flush();
    assert.equal((await stored(actor)).length, 2);
  });

  it("costs no record before 1970", async (t) => {
    const actor = unique();
    t.mock.method(Date, "now", () => -1_000);
    const here = await spooling(undefined);
    await here.record(sample(actor));
    await here.flush();
    assert.equal((await stored(actor))[0]?.created_at, "1969-12-31T23:59:59.000000Z");
  });
});

describe("a record that the service stored with its own time", () => {
  it("is recognized when it is sent with the time of the recorder", async () => {
    const spoolDir = temporary();
    const input = { ...sample(unique()), id: crypto.randomUUID() };
    await client().create(input);
    const spool = await Spool.open(spoolDir, 1024 * 1024);
    await spool.append(JSON.stringify({ created_at: "2026-01-02T03:04:05.000000Z", ...input }), true);
    await spool.append(JSON.stringify({ created_at: "2026-01-02T03:04:05.000000Z", ...input }), false);
    await spool.close();
    const here = await recorder(undefined, { spoolDir, onRefused: () => undefined });
    await here.flush();
    const { duplicates, refusedBy } = here.stats();
    assert.deepEqual([duplicates, refusedBy], [1, { id_conflict: 1 }]);
  });
});
