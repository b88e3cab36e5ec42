/** The middleware with each framework, against the real service. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { AuditRecord, JsonObject, RecorderOptions } from "../src/index.js";
import { type App, type Call, FRAMEWORKS, type Routes } from "./applications.js";
import { Proxy } from "./proxy.js";
import { spooling } from "./recorder-fixtures.js";
import { stored, unique, until } from "./support.js";

const POLICY = `
version = 1
failure = "best_effort"
trusted_proxies = ["192.0.2.0/24"]
redact = ["password", "/card/number"]

[[rule]]
name = "quiet"
methods = ["POST"]
route = "/quiet"
level = "none"

[[rule]]
name = "removed"
methods = ["DELETE"]
route = "/v1/projects/{id}"
action = "project.deleted"
target_type = "project"
target_id = { path = "id" }
failure = "must"

[[rule]]
name = "created"
methods = ["POST"]
route = "/v1/projects"
level = "request_response"
action = "project.created"
target_type = "project"
target_id = { response = "/id" }
tenant_id = { header = "x-tenant" }
allow = ["/name", "/password", "/card", "/id"]

[[rule]]
name = "changed"
methods = ["PUT"]
route = "/v1/projects/{id}"
status = ["2xx", "4xx", "500"]
level = "request"
action = "project.updated"
target_type = "project"
target_id = { body = "/id" }
allow = ["/name", "/text"]
`;

let hanging: Call[] = [];

const ROUTES: Routes = {
  "POST /quiet": ({ send }) => send(200, {}),
  "POST /uncovered/:id": ({ send }) => send(200, {}),
  "DELETE /v1/projects/:id": (call) => {
    hanging.push(call);
    if (call.params["id"] !== "hang") {
      call.send(200, {});
    }
  },
  "POST /v1/projects": ({ body, send }) => send(201, { ...(body as object), id: "p-1", hidden: "in the answer" }),
  "PUT /v1/projects/:id": ({ audit, params, body, send }) => {
    switch (params["id"]) {
      case "throws":
        throw new Error("a bug of the handler");
      case "refused":
        return send(409, {});
      case "skipped":
        audit.skip();
        return send(200, {});
      case "amended":
        audit.setTarget({ id: "t-1", type: "folder" });
        audit.addMetadata({ why: "requested", authorization: "planted" });
        audit.diff({ name: "a", same: 1, password: "planted" }, { name: "b", same: 1, password: "planted too" });
        return send(200, {});
      case "hang":
        hanging.push({ audit, params, body, send });
        return undefined;
      default:
        return send(200, {});
    }
  },
};

interface Running {
  readonly app: App;
  readonly actor: string;
  readonly proxy: Proxy;
  /** Sends a request. */
  readonly ask: (
    route: string,
    body?: unknown,
    headers?: Record<string, string>,
    signal?: AbortSignal,
  ) => Promise<Response>;
  /** Waits for that many records and returns them, oldest first. */
  readonly records: (count: number) => Promise<AuditRecord[]>;
}

async function start(framework: string, timeoutMs?: number, options: Partial<RecorderOptions> = {}): Promise<Running> {
  const actor = unique();
  const proxy = await Proxy.start();
  const recorder = await spooling(proxy.url, options);
  const make = FRAMEWORKS[framework];
  assert.ok(make);
  const app = await make({ recorder, policy: POLICY, routes: ROUTES, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
  hanging = [];
  return {
    app,
    actor,
    proxy,
    ask: (route, body, headers = {}, signal) => {
      const [method = "", path = ""] = route.split(" ");
      return fetch(`${app.url}${path}`, {
        method,
        headers: { "x-user": actor, ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal === undefined ? {} : { signal }),
      });
    },
    records: async (count) => {
      let found: AuditRecord[] = [];
      await until(async () => {
        await recorder.flush();
        found = (await stored(actor)).reverse();
        return found.length >= count;
      }, `${count} records`);
      assert.equal(found.length, count);
      return found;
    },
  };
}

function meta(record: AuditRecord | undefined): JsonObject {
  assert.ok(record?.metadata);
  return record.metadata;
}

for (const framework of Object.keys(FRAMEWORKS)) {
  describe(framework, () => {
    it("records actor, action, target, address and outcome, and no secret", async () => {
      const { ask, records } = await start(framework);
      const body = { name: "Apollo", password: "planted", card: { number: "planted", until: "2030" }, other: 1 };
      const headers = { "x-tenant": "t1", "x-admin": "user:root", "x-request-id": "r-1", cookie: "planted", "user-agent": "test/1" };
      const response = await ask("POST /v1/projects?token=planted", body, headers);
      assert.equal(response.headers.get("x-request-id"), "r-1");
      const [record] = await records(1);
      const { actor_type, action, target_type, target_id, tenant_id, request_id, ip_address, user_agent } = record ?? {};
      assert.deepEqual([actor_type, action, target_type, target_id], ["user", "project.created", "project", "p-1"]);
      assert.deepEqual([tenant_id, request_id, ip_address, user_agent], ["t1", "r-1", "127.0.0.1", "test/1"]);
      const { http, ...rest } = meta(record);
      const { duration_ms, ...said } = http as JsonObject;
      assert.deepEqual(said, { method: "POST", route: "/v1/projects", status: 201 });
      assert.ok(typeof duration_ms === "number" && duration_ms > 0);
      assert.deepEqual(rest, {
        outcome: "success",
        rule: "created",
        impersonator: "user:root",
        credential_id: "session-1",
        request: { name: "Apollo", card: { until: "2030" } },
        response: { id: "p-1", name: "Apollo", card: { until: "2030" } },
      });
      assert.doesNotMatch(JSON.stringify(record), /planted/);
    });

    it("records failures and amendments, and honors skip", async () => {
      const { app, ask, records } = await start(framework);
      await ask("PUT /v1/projects/refused", { id: "p-2" });
      await ask("PUT /v1/projects/throws", { id: 3 });
      await ask("PUT /v1/projects/skipped", {});
      await ask("PUT /v1/projects/amended", { id: "p-4" });
      const [refused, thrown, amended] = await records(3);
      assert.deepEqual([refused?.target_id, meta(refused)["outcome"]], ["p-2", "failure"]);
      assert.deepEqual([thrown?.target_id, meta(thrown)["outcome"]], ["3", "error"]);
      assert.deepEqual([amended?.target_type, amended?.target_id], ["folder", "t-1"]);
      const { extra, before, after } = meta(amended);
      assert.deepEqual([extra, before, after], [{ why: "requested" }, { name: "a" }, { name: "b" }]);
      const { recorded, skipped } = app.stats();
      assert.deepEqual([recorded, skipped], [3, 1]);
    });

    it("writes the intent of `must` before the handler, and the outcome after", async () => {
      const { ask, records, proxy } = await start(framework);
      proxy.next.push({ kind: "hold" });
      const answered = ask("DELETE /v1/projects/p-5");
      await until(() => proxy.held === 1, "the intent");
      assert.equal(hanging.length, 0);
      proxy.release();
      assert.equal((await answered).status, 200);
      const [intent, outcome] = await records(2);
      assert.deepEqual([meta(intent)["phase"], meta(outcome)["phase"]], ["intent", "outcome"]);
      assert.equal(meta(outcome)["intent_id"], intent?.id);
      assert.deepEqual([intent?.target_id, meta(intent)["outcome"], meta(outcome)["outcome"]], ["p-5", undefined, "success"]);
      assert.equal(intent?.request_id, outcome?.request_id);
    });

    it("rejects a `must` request whose intent cannot be recorded", async () => {
      const { app, ask, proxy } = await start(framework, undefined, { mustTimeoutMs: 300 });
      await proxy.stop();
      const response = await ask("DELETE /v1/projects/p-6");
      assert.deepEqual([response.status, hanging.length], [503, 0]);
      assert.equal(response.headers.get("content-type")?.split(";")[0], "application/problem+json");
      assert.equal(response.headers.get("retry-after"), "1");
      const problem = (await response.json()) as Record<string, unknown>;
      assert.deepEqual([problem["code"], problem["status"]], ["audit_unavailable", 503]);
      assert.equal(app.stats().refused, 1);
    });

    it("records a disconnect, with and without an intent", async () => {
      for (const method of ["PUT", "DELETE"]) {
        const { ask, records } = await start(framework);
        const controller = new AbortController();
        const body = method === "PUT" ? { id: "p-7" } : undefined;
        const asked = ask(`${method} /v1/projects/hang`, body, {}, controller.signal).catch(() => "gone");
        await until(() => hanging.length === 1, "the handler");
        controller.abort();
        assert.equal(await asked, "gone");
        const record = (await records(method === "PUT" ? 1 : 2)).at(-1);
        assert.equal(meta(record)["outcome"], "disconnected");
        assert.equal((meta(record)["http"] as JsonObject)["status"], null);
      }
    });

    it("does not run the handler after a disconnect during the intent", async () => {
      const { app, ask, records, proxy } = await start(framework);
      proxy.next.push({ kind: "hold" });
      const controller = new AbortController();
      const asked = ask("DELETE /v1/projects/p-8", undefined, {}, controller.signal).catch(() => "gone");
      await until(() => proxy.held === 1, "the intent");
      controller.abort();
      await asked;
      await until(() => app.policy.coverage().covered === 1, "the server to notice");
      proxy.release();
      const [intent, outcome] = await records(2);
      assert.deepEqual([meta(intent)["phase"], meta(outcome)["outcome"]], ["intent", "disconnected"]);
      assert.equal(hanging.length, 0);
    });

    it("records a timeout once, even if a response follows", async () => {
      const { ask, records } = await start(framework, 30);
      const asked = ask("PUT /v1/projects/hang", { id: "p-9" });
      const [record] = await records(1);
      assert.equal(meta(record)["outcome"], "timeout");
      hanging[0]?.send(200, {});
      assert.equal((await asked).status, 200);
      await records(1);
    });

    it("does not run the handler after a timeout during the intent", async () => {
      const { app, ask, records, proxy } = await start(framework, 30);
      proxy.next.push({ kind: "hold" });
      const asked = ask("DELETE /v1/projects/p-11");
      await until(() => proxy.held === 1, "the intent");
      await until(() => app.policy.coverage().covered === 1, "the time limit");
      proxy.release();
      assert.deepEqual([(await asked).status, hanging.length], [503, 0]);
      const [intent, outcome] = await records(2);
      assert.deepEqual([meta(intent)["phase"], meta(outcome)["outcome"]], ["intent", "timeout"]);
    });

    it("ignores X-Forwarded-For of untrusted peers", async () => {
      const { ask, records } = await start(framework);
      await ask("PUT /v1/projects/p-10", { id: "p-10" }, { "x-forwarded-for": "203.0.113.9" });
      assert.equal((await records(1))[0]?.ip_address, "127.0.0.1");
    });

    it("records any input, truncated and sanitized", async () => {
      const { app, ask, records } = await start(framework);
      await ask("PUT /v1/projects/x", { id: "a\0b\n".repeat(300), name: "n\0", text: "t".repeat(60_000) });
      await ask("PUT /v1/projects/x", { id: "p", name: "x".repeat(9_000), text: "ü".repeat(27_000) });
      await ask("PUT /v1/projects/x", { name: 1 }, { "x-user": "broken" });
      const [odd, large] = await records(2);
      assert.equal(odd?.target_id.length, 500);
      assert.equal((meta(odd)["request"] as JsonObject)["name"], "n\ufffd");
      assert.deepEqual([large?.target_id, meta(large)["request"]], ["p", { name: "x".repeat(9_000), text: "ü".repeat(27_000) }]);
      const { unknownActors, unknownTargets, lost } = app.stats();
      assert.deepEqual([unknownActors, unknownTargets, lost], [1, 1, 0]);
      assert.ok((await stored("unknown")).length > 0);
    });

    it("reports uncovered mutating routes and unused rules", async () => {
      const { app, ask } = await start(framework);
      await ask("POST /quiet", {});
      await ask("GET /v1/projects");
      app.policy.assertCovered();
      await ask("POST /nowhere", {});
      await ask("POST /uncovered/1", {});
      await ask("POST /uncovered/2", {});
      const report = (): ReturnType<typeof app.policy.coverage> => app.policy.coverage();
      await until(() => report().uncoveredRequests === 2, "both");
      assert.deepEqual(report().uncovered, [{ method: "POST", route: "/uncovered/:id", requests: 2 }]);
      assert.deepEqual([report().covered, report().unrouted], [1, 1]);
      assert.deepEqual(report().unusedRules, ["removed", "created", "changed"]);
      assert.throws(() => app.policy.assertCovered(), /not_covered: .*POST \/uncovered\/:id \(2\)/);
    });
  });
}
