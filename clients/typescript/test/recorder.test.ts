import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { AuditrailError, RecordInput } from "../src/index.js";
import { Recorder } from "../src/index.js";
import { Proxy } from "./proxy.js";
import { balanced, recorder, spooling } from "./recorder-fixtures.js";
import { client, makeKey, sample, service, stored, unique, until } from "./support.js";

describe("record", () => {
  it("assigns an id and a time before the first attempt", async () => {
    const actor = unique();
    const here = await recorder(undefined);
    const { id, state } = await here.record(sample(actor));
    const [record] = await stored(actor);
    assert.deepEqual([record?.id, state], [id, "acknowledged"]);
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it("keeps the id and time of the caller, so that callers can retry", async () => {
    const actor = unique();
    const here = await recorder(undefined);
    const input = sample(actor, { id: crypto.randomUUID(), created_at: "2026-01-02T03:04:05.000006Z" });
    await here.record(input);
    await here.record(input);
    assert.equal((await stored(actor)).length, 1);
    assert.deepEqual([here.stats().sent, here.stats().duplicates], [1, 1]);
  });

  it("sends concurrent `must` records at once in few requests", async () => {
    const actor = unique();
    const proxy = await Proxy.start();
    const here = await recorder(proxy.url, { lingerMs: 60_000 });
    await Promise.all(Array.from({ length: 1_200 }, () => here.record(sample(actor), { failure: "must" })));
    assert.equal((await stored(actor)).length, 1_200);
    assert.ok(proxy.seen <= 4, `${proxy.seen} requests`);
  });

  it("lets `best_effort` records linger until a batch is full", async () => {
    const actor = unique();
    const proxy = await Proxy.start();
    const here = await recorder(proxy.url, { lingerMs: 600_000, batchMaxRecords: 10 });
    for (let i = 0; i < 25; i += 1) {
      assert.equal((await here.record(sample(actor), { failure: "best_effort" })).state, "queued");
    }
    await until(() => here.stats().sent === 20, "two full batches");
    assert.equal(proxy.seen, 2);
    const flushed = await here.flush();
    assert.deepEqual(flushed, { delivered: 5, failed: 0, pending: 0 });
  });

  it("limits the bytes of a batch", async () => {
    const actor = unique();
    const proxy = await Proxy.start();
    const here = await recorder(proxy.url, { batchMaxBytes: 10_000 });
    const big = sample(actor, { metadata: { text: "x".repeat(4_000) } });
    await Promise.all([1, 2, 3, 4, 5].map(() => here.record(big)));
    assert.equal(proxy.seen, 3);
  });

  it("applies the policy of the call, action, prefix or default", async () => {
    const actor = unique();
    const proxy = await Proxy.start();
    await proxy.stop();
    const here = await spooling(proxy.url, {
      failure: "best_effort",
      actions: { "key.*": "spool", "key.revoked": "must" },
      mustTimeoutMs: 100,
    });
    const states = async (action: RecordInput["action"]): Promise<string> =>
      here.record(sample(actor, { action })).then(
        ({ state }) => state,
        (error: unknown) => (error as AuditrailError).code,
      );
    assert.equal(await states("project.created"), "queued");
    assert.equal(await states("key.created"), "spooled");
    assert.equal(await states("key.revoked"), "not_acknowledged");
    assert.equal((await here.record(sample(actor, { action: "key.revoked" }), { failure: "spool" })).state, "spooled");
  });

  it("rejects unknown policies, and spool without a spool", async () => {
    await assert.rejects(Recorder.open({ client: client(), failure: "spool" }), { code: "no_spool" });
    await assert.rejects(Recorder.open({ client: client(), lingerMs: -1 }), { code: "invalid_option" });
    await assert.rejects(Recorder.open({ client: client(), mustTimeoutMs: 2 ** 31 }), { code: "invalid_option" });
    const here = await recorder(undefined);
    await assert.rejects(here.record(sample("a"), { failure: "spool" }), { code: "no_spool" });
    assert.equal(here.stats().dropped.no_spool, 1);
  });
});

/** A record whose id the service has with other content. */
async function taken(): Promise<RecordInput> {
  const input = { ...sample(unique()), id: crypto.randomUUID(), created_at: "2026-01-02T03:04:05Z" };
  await client().create(input);
  return input;
}

describe("a rejected record", () => {
  it("is reported, not retried, and does not hold up others", async () => {
    for (const failure of ["must", "spool", "best_effort"] as const) {
      const actor = unique();
      const refused: [RecordInput, AuditrailError][] = [];
      const proxy = await Proxy.start();
      const here = await spooling(proxy.url, { onRefused: (record, error) => refused.push([record, error]) });
      const inputs = [sample(actor), { ...(await taken()), actor_id: actor }, sample(actor)];
      const results = await Promise.allSettled(inputs.map((input) => here.record(input, { failure })));
      await here.flush();
      assert.equal((await stored(actor)).length, 2, failure);
      assert.deepEqual(refused.map(([record, error]) => [record.id, error.code]), [[inputs[1]?.id, "id_conflict"]]);
      assert.deepEqual([here.stats().refused, here.stats().refusedBy], [1, { id_conflict: 1 }]);
      assert.equal(results[1]?.status, failure === "must" ? "rejected" : "fulfilled");
      assert.ok(balanced(here) && here.stats().pending === 0);
      assert.equal(proxy.seen, 1);
    }
  });

  it("may be an id conflict", async () => {
    const actor = unique();
    const id = crypto.randomUUID();
    const here = await recorder(undefined);
    await here.record(sample(actor, { id }));
    await assert.rejects(here.record(sample(actor, { id, target_id: "other" })), { code: "id_conflict" });
  });

  it("is found by bisecting a rejected batch", async () => {
    const actor = unique();
    const bound = await makeKey(["write"], { tenant_id: "t1" });
    const here = await Recorder.open({ client: client(service.url, bound.key), lingerMs: 20 });
    const tenants = ["t1", "t1", "t2", "t1", "t1"];
    const inputs = tenants.map((tenant_id) => sample(actor, { tenant_id }));
    const results = await Promise.allSettled(inputs.map((input) => here.record(input)));
    assert.deepEqual(results.map(({ status }) => status === "fulfilled"), [true, true, false, true, true]);
    assert.equal((await stored(actor)).length, 4);
    assert.deepEqual(here.stats().refusedBy, { other_tenant: 1 });
    await here.close();
  });

  it("is rejected locally if too large or not JSON", async () => {
    const here = await recorder(undefined);
    const large = sample("a", { metadata: { text: "x".repeat(300_000) } });
    await assert.rejects(here.record(large), { code: "too_large" });
    const cycle: { [key: string]: never } = {};
    Object.assign(cycle, { cycle });
    await assert.rejects(here.record(sample("a", { metadata: cycle })), { code: "not_json" });
    const { state } = await here.record(large, { failure: "best_effort" });
    assert.equal(state, "dropped");
    assert.deepEqual([here.stats().refusedBy, here.stats().dropped], [{ too_large: 2, not_json: 1 }, {}]);
    assert.ok(balanced(here));
  });

  it("does not stop the recorder if a callback throws", async () => {
    const actor = unique();
    const here = await recorder(undefined, {
      onRefused: () => {
        throw new Error("a bug of the caller");
      },
    });
    await assert.rejects(here.record(sample(actor, { target_id: "" })));
    await here.record(sample(actor));
    assert.equal(here.stats().callbackErrors, 1);
  });
});

describe("a rejected API key", () => {
  it("fails `must` at once, and keeps spooled records until it is renewed", async () => {
    const actor = unique();
    const proxy = await Proxy.start();
    const here = await spooling(proxy.url, { failure: "spool", mustTimeoutMs: 60_000, retryCapMs: 100 });
    proxy.otherwise = { kind: "answer", status: 401, body: '{"code":"invalid_key","detail":"no"}' };
    await assert.rejects(here.record(sample(actor), { failure: "must" }), { code: "invalid_key", status: 401 });
    await here.record(sample(actor));
    await until(() => proxy.seen >= 4, "some more tries");
    assert.deepEqual([here.stats().refused, here.stats().pending], [0, 1]);
    const gaps = proxy.times.slice(2).map((time, index) => time - (proxy.times[index + 1] ?? 0));
    assert.ok(gaps.every((gap) => gap >= 49), `the longest pauses: ${gaps.join()}`);
    proxy.otherwise = { kind: "pass" };
    await until(() => here.stats().sent === 1, "delivery");
    assert.equal((await stored(actor)).length, 1);
  });
});

describe("the queue limit", () => {
  it("rejects or evicts records, and counts them", async () => {
    const proxy = await Proxy.start();
    await proxy.stop();
    const dropped: string[] = [];
    const here = await recorder(proxy.url, {
      queueMaxRecords: 10,
      mustTimeoutMs: 300,
      // Queued records can be evicted; records in flight cannot.
      lingerMs: 600_000,
      onDropped: (_record, reason) => dropped.push(reason),
    });
    for (let i = 0; i < 15; i += 1) {
      await here.record(sample("a"), { failure: "best_effort" });
    }
    assert.equal(here.stats().dropped.queue_full, 5);
    const must = Array.from({ length: 12 }, () => here.record(sample("a"), { failure: "must" }));
    const codes = (await Promise.allSettled(must)).map((result) =>
      result.status === "rejected" ? (result.reason as AuditrailError).code : "fulfilled",
    );
    assert.equal(codes.filter((code) => code === "queue_full").length, 2);
    assert.equal(codes.filter((code) => code === "not_acknowledged").length, 10);
    assert.equal(here.stats().dropped.displaced, 10);
    assert.ok(balanced(here));
    assert.equal(dropped.length, 5 + 2 + 10 + 10);
  });

  it("applies to bytes as well as records", async () => {
    const proxy = await Proxy.start();
    await proxy.stop();
    const here = await recorder(proxy.url, { queueMaxBytes: 10_000 });
    const big = sample("a", { metadata: { text: "x".repeat(4_000) } });
    const states: string[] = [];
    for (let i = 0; i < 4; i += 1) {
      states.push((await here.record(big, { failure: "best_effort" })).state);
    }
    assert.deepEqual(states, ["queued", "queued", "dropped", "dropped"]);
  });
});

describe("close and flush", () => {
  it("deliver pending records, then reject new ones", async () => {
    const actor = unique();
    const here = await spooling(undefined, { lingerMs: 600_000 });
    await here.record(sample(actor), { failure: "best_effort" });
    await here.record(sample(actor), { failure: "spool" });
    assert.deepEqual(await here.close(), { delivered: 2, failed: 0, pending: 0 });
    await assert.rejects(here.record(sample(actor), { failure: "must" }), { code: "closed" });
    assert.equal((await here.record(sample(actor), { failure: "best_effort" })).state, "dropped");
    assert.equal((await stored(actor)).length, 2);
  });

  it("respect the deadline and report the rest", async () => {
    const actor = unique();
    const proxy = await Proxy.start();
    const here = await spooling(proxy.url);
    proxy.otherwise = { kind: "hold" };
    await here.record(sample(actor), { failure: "best_effort" });
    await here.record(sample(actor), { failure: "spool" });
    const must = here.record(sample(actor), { failure: "must" });
    await until(() => proxy.held >= 1, "a request under way");
    const [closed, refused] = await Promise.allSettled([here.close({ deadlineMs: 50 }), must]);
    assert.deepEqual(closed.status === "fulfilled" && closed.value, { delivered: 0, failed: 2, pending: 1 });
    assert.equal(refused.status === "rejected" && (refused.reason as AuditrailError).code, "closed");
    assert.deepEqual(here.stats().dropped, { closed: 2 });
    assert.ok(balanced(here));
  });

  it("include records added meanwhile", async () => {
    const actor = unique();
    const proxy = await Proxy.start();
    const here = await recorder(proxy.url, { failure: "best_effort", lingerMs: 600_000 });
    proxy.next.push({ kind: "hold" });
    await here.record(sample(actor));
    const flushed = here.flush();
    await until(() => proxy.held === 1, "the first request");
    await here.record(sample(actor));
    proxy.release();
    assert.deepEqual(await flushed, { delivered: 2, failed: 0, pending: 0 });
  });
});
