/** Handlers that write the record of their request in their own transaction, with all that the middleware knows. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import pg from "pg";

import type { AuditRecord, RecordInput } from "../src/index.js";
import { type App, type Call, FRAMEWORKS, type Routes } from "./applications.js";
import { spooling } from "./recorder-fixtures.js";
import { client, databaseUrl, stored, unique, until } from "./support.js";

const POLICY = `
version = 1
failure = "spool"
[[rule]]
name = "project renamed"
methods = ["PUT"]
route = "/projects/{id}"
action = "project.updated"
target_type = "project"
target_id = { path = "id" }
tenant_id = { header = "x-tenant" }
[[rule]]
name = "project removed"
methods = ["DELETE"]
route = "/projects/{id}"
action = "project.deleted"
target_type = "project"
target_id = { path = "id" }
failure = "must"
[[rule]]
route = "/quiet/{id}"
level = "none"
`;

const pool = new pg.Pool({ connectionString: databaseUrl, max: 4 });
before(() => pool.query("create table if not exists public.ts_projects (id text primary key, name text)"));
after(() => pool.end());

/** Changes a row and writes the record in one transaction, which fails if `fails`. */
async function change(id: string, record: RecordInput, fails: boolean): Promise<void> {
  const connection = await pool.connect();
  try {
    await connection.query("begin");
    await connection.query("insert into public.ts_projects values ($1, 'a') on conflict (id) do update set name = 'b'", [id]);
    await connection.query("select control_plane.record_audit_log($1)", [JSON.stringify(record)]);
    await connection.query(fails ? "rollback" : "commit");
  } finally {
    connection.release();
  }
}

/** The arguments of `input`. */
type Arguments = Parameters<Call["audit"]["input"]>;

/** How a handler goes wrong, as the first word of the id. */
type Fault = "rolledback" | "silent" | "late" | "gone" | "twice";

/** A handler whose record is made by `input` with some arguments. */
async function handle({ audit, params, send }: Call, args: Arguments, gone: () => Promise<void>): Promise<void> {
  const { id = "" } = params;
  const fault = id.split("-")[0] as Fault;
  audit.addMetadata({ reason: "asked" });
  try {
    const input = await audit.input(...args);
    if (fault === "gone") {
      await gone();
    }
    await change(id, input, fault === "rolledback");
    if (fault === "rolledback") {
      throw new Error("the transaction was rolled back");
    }
    if (fault !== "silent") {
      audit.committed(input);
    }
    if (fault === "twice") {
      const further = await audit.input("project.noted");
      await change(id, further, false);
      audit.committed(further);
    }
    send(fault === "late" ? 500 : 200, {});
  } catch (error) {
    send(500, { error: String(error) });
  }
}

function routes(args: Arguments, gone: () => Promise<void>): Routes {
  const handler = (call: Call): void => void handle(call, args, gone);
  return { "PUT /projects/:id": handler, "DELETE /projects/:id": handler, "POST /quiet/:id": handler, "POST /other/:id": handler };
}

/** The records that searches list. */
async function listed(actor: string): Promise<AuditRecord[]> {
  return (await client().query({ actor_id: actor })).data;
}

for (const [name, make] of Object.entries(FRAMEWORKS)) {
  describe(`a handler with a transaction, with ${name}`, () => {
    const start = async (...args: Arguments): Promise<{ app: App; call: (method: string, path: string, actor: string) => Promise<AuditRecord[]> }> => {
      const here = await spooling(undefined, { onRefused: () => undefined });
      const controller = new AbortController();
      const gone = async (): Promise<void> => {
        controller.abort();
        // The middleware sees the disconnect first.
        await until(() => app.stats().recorded > 0 || app.policy.coverage().covered > 0, "the disconnect");
        await here.flush();
      };
      const app = await make({ recorder: here, policy: POLICY, routes: routes(args, gone) });
      const call = async (method: string, path: string, actor: string): Promise<AuditRecord[]> => {
        const headers = { "x-user": actor, "x-name": "Ana", "x-admin": "root", "x-tenant": "acme", "user-agent": "test/1", "x-request-id": `r-${actor}` };
        const response = await fetch(`${app.url}${path}`, { method, headers, signal: controller.signal }).catch(() => undefined);
        await response?.text();
        await here.flush();
        return stored(actor);
      };
      return { app, call };
    };

    it("leaves one record with all that the middleware knows", async () => {
      const { app, call } = await start();
      const [actor, id] = [unique(), unique("p")];
      const [record, ...others] = await call("PUT", `/projects/${id}`, actor);
      assert.deepEqual(others, []);
      assert.ok(record);
      const { created_at, recorded_by, id: _, ...columns } = record;
      assert.ok(created_at);
      assert.match(recorded_by ?? "", /^role:/);
      assert.deepEqual(columns, {
        actor_type: "user",
        actor_id: actor,
        actor_name: "Ana",
        action: "project.updated",
        target_type: "project",
        target_id: id,
        target_name: null,
        tenant_id: "acme",
        ip_address: "127.0.0.1",
        user_agent: "test/1",
        request_id: `r-${actor}`,
        outcome: "success",
        metadata: {
          http: { method: "PUT", route: "/projects/{id}" },
          outcome: "success",
          rule: "project renamed",
          impersonator: "root",
          credential_id: "session-1",
          extra: { reason: "asked" },
        },
      });
      assert.deepEqual([app.stats().committed, app.stats().recorded, app.policy.coverage().covered], [1, 0, 1]);
    });

    it("takes action and target from the handler", async () => {
      const { call } = await start("project.suspended", { type: "team", id: "t-1", name: "Team 1" });
      const [record, ...others] = await call("PUT", `/projects/${unique("p")}`, unique());
      assert.deepEqual([record?.action, record?.target_type, record?.target_id, record?.target_name], ["project.suspended", "team", "t-1", "Team 1"]);
      assert.deepEqual([record?.tenant_id, record?.metadata?.["rule"], others.length], ["acme", "project renamed", 0]);
    });

    it("leaves one listed record, whatever goes wrong", async () => {
      const faults: readonly (readonly [Fault, string, number])[] = [
        ["rolledback", "failure", 0],
        ["late", "success", 1],
        // The handler does not confirm the commit: the service refuses the record of the middleware.
        ["silent", "success", 0],
      ];
      for (const [fault, outcome, committed] of faults) {
        for (const method of ["PUT", "DELETE"]) {
          const { app, call } = await start();
          const actor = unique();
          await call(method, `/projects/${unique(fault)}`, actor);
          assert.deepEqual((await listed(actor)).map((record) => record.outcome), [outcome], `${fault} ${method}`);
          assert.equal(app.stats().committed, committed);
        }
      }
    });

    it("is not disturbed by a client that disconnects", async () => {
      for (const [method, outcomes] of [["PUT", ["success", "unknown"]], ["DELETE", ["success"]]] as const) {
        const { call } = await start();
        const [actor, id] = [unique(), unique("gone")];
        await call(method, `/projects/${id}`, actor);
        await until(async () => (await listed(actor)).some((record) => record.outcome === "success"), "the commit");
        assert.deepEqual((await listed(actor)).map((record) => record.outcome).sort(), outcomes);
      }
    });

    it("can write further records", async () => {
      const { app, call } = await start();
      const actor = unique();
      await call("PUT", `/projects/${unique("twice")}`, actor);
      assert.deepEqual((await listed(actor)).map((record) => record.action).sort(), ["project.noted", "project.updated"]);
      assert.equal(app.stats().committed, 1);
    });

    it("leaves one listed record with must", async () => {
      const { app, call } = await start();
      const actor = unique();
      const all = await call("DELETE", `/projects/${unique("p")}`, actor);
      assert.deepEqual(all.map(({ metadata }) => metadata?.["phase"]), ["outcome", "intent"]);
      assert.equal(all[0]?.metadata?.["intent_id"], all[1]?.id);
      assert.deepEqual((await listed(actor)).map(({ id }) => id), [all[0]?.id]);
      assert.deepEqual([app.stats().committed, app.stats().recorded], [1, 1]);
    });

    it("needs an action and a target without a rule", async () => {
      const without = await start();
      assert.deepEqual(await without.call("POST", `/other/${unique()}`, unique()), []);
      const { app, call } = await start("note.created", { type: "note", id: "n-1" });
      for (const path of ["/other/n-1", "/quiet/n-1"]) {
        const [record, ...others] = await call("POST", path, unique());
        assert.deepEqual([record?.action, record?.target_id, record?.ip_address, others.length], ["note.created", "n-1", "127.0.0.1", 0]);
        assert.deepEqual(record?.metadata, { http: { method: "POST" }, outcome: "success", impersonator: "root", credential_id: "session-1", extra: { reason: "asked" } });
      }
      assert.equal(app.policy.coverage().uncoveredRequests, 0);
    });
  });
}
