import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { inspect } from "node:util";

import { AuditrailClient, AuditrailError, type AuditRecord, type Page, type Query } from "../src/index.js";
import { Proxy } from "./proxy.js";
import { client, makeKey, revokeKey, sample, service, stored, temporary, unique } from "./support.js";

async function failure(promise: Promise<unknown>): Promise<AuditrailError> {
  return promise.then(
    () => assert.fail("it should have failed"),
    (error: unknown) => {
      assert.ok(error instanceof AuditrailError, String(error));
      return error;
    },
  );
}

async function all(records: AsyncIterable<AuditRecord>): Promise<AuditRecord[]> {
  const found: AuditRecord[] = [];
  for await (const record of records) {
    found.push(record);
  }
  return found;
}

describe("AuditrailClient", () => {
  it("creates a record idempotently by its id", async () => {
    const id = "0190a000-0000-7000-8000-000000000001";
    const input = sample(unique(), { id, metadata: { plan: "pro" } });
    const first = await client().create(input);
    const second = await client().create(input);
    assert.deepEqual([first.created, second.created], [true, false]);
    assert.deepEqual(await client().get(id), first.record);
    assert.deepEqual(first.record.metadata, { plan: "pro" });
  });

  it("returns undefined for an unknown id", async () => {
    assert.equal(await client().get("0190a000-0000-7000-8000-00000000ffff"), undefined);
  });

  it("writes batches, all or the valid records, and returns them on request", async () => {
    const actor = unique();
    const wrong = [sample(actor), sample(actor, { target_id: "" })];
    const refused = await failure(client().createBatch(wrong));
    assert.equal(refused.status, 422);
    assert.equal(refused.errors[0]?.pointer, "/1/target_id");
    assert.equal((await stored(actor)).length, 0);
    const skipped = await client().createBatch(wrong, { onInvalid: "skip", returnFull: true });
    assert.deepEqual([skipped.created, skipped.rejected, skipped.errors[0]?.index], [1, 1, 1]);
    assert.deepEqual(skipped.records?.map((record) => record?.actor_id), [actor, undefined]);
  });

  it("iterates over all pages, each record once", async () => {
    const actor = unique();
    const inputs = Array.from({ length: 25 }, (_, i) => sample(actor, { target_id: `p${i}` }));
    await client().createBatch(inputs);
    const sizes: number[] = [];
    for await (const page of client().pages({ actor_id: actor, limit: 10 })) {
      sizes.push(page.data.length);
    }
    assert.deepEqual(sizes, [10, 10, 5]);
    const targets = new Set<string>();
    for await (const record of client().records({ actor_id: actor, limit: 10 })) {
      targets.add(record.target_id);
    }
    assert.equal(targets.size, 25);
  });

  it("filters, also by metadata, and counts", async () => {
    const actor = unique();
    await client().createBatch([
      sample(actor, { metadata: { plan: "pro" }, action: "key.created" }),
      sample(actor, { metadata: { plan: "free" } }),
    ]);
    const page = await client().query({ actor_id: actor, metadata: { plan: "pro" }, count: "exact" });
    assert.deepEqual([page.data.length, page.pagination.total, page.data[0]?.action], [1, 1, "key.created"]);
    const stats = await client().stats({ actor_id: actor }, { interval: "day" });
    assert.deepEqual([stats.total, stats.interval, stats.actions.length], [2, "day", 2]);
  });

  it("pages in both orders, back, and around a record", async () => {
    const actor = unique();
    const times = [1, 2, 3, 4].map((second) => `2026-01-02T03:04:0${second}Z`);
    await client().createBatch(times.map((created_at) => sample(actor, { created_at, target_id: created_at })));
    const targets = (page: Page): string[] => page.data.map((record) => record.target_id);
    const first = await client().query({ actor_id: actor, order: "asc", limit: 2 });
    assert.deepEqual(targets(first), times.slice(0, 2));
    const records = await all(client().records({ actor_id: actor, order: "asc", limit: 2 }));
    assert.deepEqual(records.map((record) => record.target_id), times);
    const cursor = first.pagination.next_cursor ?? "";
    const second = await client().query({ actor_id: actor, order: "asc", limit: 2, cursor });
    const back = second.pagination.prev_cursor ?? "";
    assert.deepEqual(await client().query({ actor_id: actor, order: "asc", limit: 2, cursor: back }), {
      data: first.data,
      pagination: { ...first.pagination, offset: null },
    });
    const around = await client().query({ actor_id: actor, around: first.data[1]?.id ?? "", limit: 2 });
    assert.deepEqual(targets(around), [times[2], times[1]]);
  });

  it("counts over time, and counts and lists values", async () => {
    const [actor, target] = [unique(), unique()];
    await client().createBatch([sample(actor, { target_id: target }), sample(actor, { target_id: `${target}x` })]);
    const histogram = await client().histogram({ actor_id: actor }, { bars: 3 });
    assert.deepEqual([histogram.total, histogram.complete, histogram.buckets.length <= 3], [2, true, true]);
    const { facets } = await client().facets({ actor_id: actor }, { fields: ["target_type", "action"] });
    assert.deepEqual(facets.map((facet) => [facet.field, facet.values[0]?.count]), [["target_type", 2], ["action", 2]]);
    const values = await client().values("target_id", target, { limit: 1 });
    assert.deepEqual([values.values, values.has_more], [[target], true]);
  });

  it("filters by the names of the HTTP API and the CLI", async () => {
    const [id, request] = [unique(), unique("r")];
    const record = sample(id, { target_id: id, tenant_id: "t1", ip_address: "203.0.113.7", request_id: request, outcome: "denied", metadata: { plan: "pro" } });
    await client().create(record);
    const queries: readonly Query[] = [
      { actor: `user:${id}` },
      { actor_id: id, actor_type: "user" },
      { target: `project:${id}` },
      { target_id: id, target_type: "project" },
      { request_id: request },
      { actor_id: id, action: "project.*", tenant_id: "t1", ip_address: "203.0.113.0/24", outcome: "denied" },
      { actor_id: id, since: "1h", until: new Date(Date.now() + 60_000).toISOString() },
      { actor_id: id, start_date: "2026-01-01", end_date: "9999-01-01" },
      { actor_id: id, metadata: { plan: "pro" } },
      { q: `actor:user:${id} -target:other PRO` },
    ];
    for (const query of queries) {
      assert.equal((await client().query(query)).data[0]?.target_id, id, JSON.stringify(query));
      assert.equal((await client().stats(query)).total, 1, JSON.stringify(query));
      assert.equal((await all(client().exportRecords(query))).length, 1, JSON.stringify(query));
    }
    assert.deepEqual((await client().query({ actor_id: id, until: "1h" })).data, []);
  });

  it("passes on which filter is nearest to an unknown one", async () => {
    for (const [name, nearest] of [["actr", "actor"], ["targetId", "target_id"], ["from", "since"]] as const) {
      const error = await failure(client().query({ [name]: "x" }));
      assert.equal(error.status, 400);
      assert.ok(error.message.includes(`\`${nearest}\``), error.message);
    }
  });

  it("exports bytes, and records with a verified manifest", async () => {
    const actor = unique();
    await client().createBatch([sample(actor), sample(actor)]);
    const csv = await new Response(await client().export("csv", { actor_id: actor })).text();
    assert.equal(csv.trim().split("\n").length, 3);
    const marked = await new Response(await client().export("csv", { actor_id: actor }, { bom: true })).arrayBuffer();
    assert.equal(Buffer.from(marked).toString("utf8"), `\ufeff${csv}`);
    const records = await all(client().exportRecords({ actor_id: actor }));
    assert.deepEqual(records, (await stored(actor)).reverse());
  });

  it("detects incomplete exports", async () => {
    const proxy = await Proxy.start();
    const whole = await new Response(await client().export("ndjson", { actor_id: unique() })).text();
    const record = '{"id":"x"}\n';
    const bodies = ["", record, record.slice(0, 5), record + whole];
    for (const body of bodies) {
      proxy.next.push({ kind: "answer", status: 200, headers: { "content-type": "application/x-ndjson" }, body });
      const error = await failure(all(client(proxy.url).exportRecords()));
      assert.equal(error.code, "incomplete_export", body);
    }
  });

  it("reports invalid fields, the code and the request id", async () => {
    const error = await failure(client().create(sample("", { action: "nothing" as "a.b" })));
    assert.deepEqual([error.status, error.code], [422, "invalid_record"]);
    assert.deepEqual(error.errors.map((field) => field.pointer).sort(), ["/action", "/actor_id"]);
    assert.ok(error.requestId);
    assert.match(error.message, /\/actor_id/);
  });

  it("parses Retry-After in seconds or as a date", async () => {
    const proxy = await Proxy.start();
    const date = new Date(Date.now() + 60_000).toUTCString();
    proxy.next.push({ kind: "answer", status: 429, headers: { "retry-after": "7" } });
    proxy.next.push({ kind: "answer", status: 503, headers: { "retry-after": date }, body: "<html>busy</html>" });
    const first = await failure(client(proxy.url).query());
    const second = await failure(client(proxy.url).query());
    assert.deepEqual([first.status, first.code, first.retryAfter], [429, "http_429", 7]);
    assert.deepEqual([second.code, second.detail], ["http_503", "<html>busy</html>"]);
    assert.ok(second.retryAfter !== undefined && second.retryAfter > 50 && second.retryAfter <= 60);
  });

  it("aborts at its timeout and by the caller's signal", async () => {
    const proxy = await Proxy.start();
    proxy.otherwise = { kind: "hold" };
    assert.equal((await failure(client(proxy.url).query({}, { timeoutMs: 50 }))).code, "timeout");
    const controller = new AbortController();
    const asked = failure(client(proxy.url).query({}, { signal: controller.signal }));
    controller.abort();
    assert.equal((await asked).code, "aborted");
    assert.equal((await failure(client(proxy.url).query({}, { signal: controller.signal }))).code, "aborted");
    await proxy.stop();
    assert.equal((await failure(client(proxy.url).query())).code, "unreachable");
    // A timer with more than the maximum delay fires immediately.
    await client().query({ limit: 1 }, { timeoutMs: Number.POSITIVE_INFINITY });
  });

  it("does not follow redirects", async () => {
    const [proxy, elsewhere] = [await Proxy.start(), await Proxy.start()];
    proxy.next.push({ kind: "answer", status: 307, headers: { location: elsewhere.url } });
    assert.equal((await failure(client(proxy.url).query())).status, 307);
    assert.equal(elsewhere.seen, 0);
  });
});

describe("the API key", () => {
  it("is read from the option, a file or the environment, else missing", async () => {
    const keyFile = join(temporary(), "key");
    writeFileSync(keyFile, `${service.key}\n`);
    await new AuditrailClient({ url: service.url, keyFile }).query({ limit: 1 });
    process.env["AUDITRAIL_KEY_FILE"] = keyFile;
    process.env["AUDITRAIL_URL"] = service.url;
    await new AuditrailClient().query({ limit: 1 });
    process.env["AUDITRAIL_KEY"] = service.key;
    assert.throws(() => new AuditrailClient(), { code: "invalid_option" });
    delete process.env["AUDITRAIL_KEY_FILE"];
    await new AuditrailClient().query({ limit: 1 });
    delete process.env["AUDITRAIL_KEY"];
    assert.throws(() => new AuditrailClient(), { code: "no_key" });
    delete process.env["AUDITRAIL_URL"];
  });

  it("is read from its file again after a rejection", async () => {
    const keyFile = join(temporary(), "key");
    const old = await makeKey(["read"]);
    writeFileSync(keyFile, old.key);
    const reader = new AuditrailClient({ url: service.url, keyFile });
    await reader.query({ limit: 1 });
    await revokeKey(old.id);
    writeFileSync(keyFile, (await makeKey(["read"])).key);
    assert.equal((await failure(reader.query({ limit: 1 }))).status, 401);
    await reader.query({ limit: 1 });
  });

  it("appears in no error and no inspection", async () => {
    const proxy = await Proxy.start();
    proxy.next.push({ kind: "reset" }, { kind: "answer", status: 200, body: "no JSON" });
    const shown = [inspect(client(), { depth: 20, showHidden: true }), JSON.stringify(client())];
    // A proxy may echo the request in its error response.
    const body = `<p>you sent: Authorization: Bearer ${service.key}`;
    proxy.next.push({ kind: "answer", status: 502, body }, { kind: "answer", status: 200, body });
    const attempts = [...Array.from({ length: 4 }, () => client(proxy.url)), client("http://nowhere.invalid")];
    for (const attempt of attempts) {
      const error = await failure(attempt.query());
      shown.push(inspect(error, { depth: 20, showHidden: true }), JSON.stringify(error), String(error.stack));
    }
    const broken = "adt_live_secret\nwith a line break";
    assert.throws(() => client(service.url, broken), (error: unknown) => {
      shown.push(inspect(error, { depth: 20 }));
      return error instanceof AuditrailError && error.code === "bad_key";
    });
    assert.ok(shown.every((text) => !text.includes(service.key) && !text.includes("adt_live_secret")));
    assert.throws(() => client("http://user:pass@localhost"), { code: "invalid_option" });
  });
});
