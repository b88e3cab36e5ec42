/** Requests that are read in several ways: their paths, and their targets. */
import assert from "node:assert/strict";
import { request } from "node:http";
import { json } from "node:stream/consumers";
import { describe, it } from "node:test";

import type { AuditRecord } from "../src/index.js";
import { type App, FRAMEWORKS, type Routes } from "./applications.js";
import { spooling } from "./recorder-fixtures.js";
import { stored, unique } from "./support.js";

const RULES = `
[[rule]]
name = "assets"
route = "/api/public/{*rest}"
level = "none"
[[rule]]
name = "project deleted"
methods = ["DELETE"]
route = "/api/projects/{id}"
action = "project.deleted"
target_type = "project"
target_id = { path = "id" }
[[rule]]
name = "key revoked"
methods = ["DELETE"]
route = "/api/keys/{id}"
action = "key.revoked"
target_type = "api_key"
target_id = { path = "id" }
failure = "must"
[[rule]]
name = "project moved"
methods = ["PUT"]
route = "/api/projects"
action = "project.updated"
target_type = "project"
target_id = { body = "/id" }
require_target = true
failure = "must"
`;

let handled = 0;
const ROUTES: Routes = {
  "DELETE /api/projects/:id": ({ send }) => {
    handled += 1;
    send(200, {});
  },
  "PUT /api/projects": ({ send }) => {
    handled += 1;
    send(200, {});
  },
};

/** Sends a request whose path is not normalized, as `fetch` would. */
async function send(app: App, method: string, path: string, actor: string, body?: string, type = "application/json"): Promise<{ status: number; answer: Record<string, unknown> }> {
  const { hostname, port } = new URL(app.url);
  return new Promise((resolve, reject) => {
    const headers = { "x-user": actor, ...(body === undefined ? {} : { "content-type": type, "content-length": Buffer.byteLength(body) }) };
    const sent = request({ hostname, port, method, path, headers, agent: false }, (response) => {
      json(response).catch(() => ({})).then((answer) => resolve({ status: response.statusCode ?? 0, answer: answer as Record<string, unknown> }), reject);
    });
    sent.on("error", reject).end(body);
  });
}

for (const [name, make] of Object.entries(FRAMEWORKS)) {
  describe(`ambiguous requests, with ${name}`, () => {
    const start = async (top = ""): Promise<{ app: App; records: (actor: string) => Promise<AuditRecord[]> }> => {
      const here = await spooling(undefined);
      const app = await make({ recorder: here, policy: `version = 1\n${top}${RULES}`, routes: ROUTES });
      const records = async (actor: string): Promise<AuditRecord[]> => {
        await here.flush();
        return stored(actor);
      };
      return { app, records };
    };

    it("are recorded as what an upstream may resolve", async () => {
      const { app, records } = await start();
      const paths = [
        "/api/public/../projects/p2",
        "/api/public/%2e%2e/projects/p2",
        "/api/public/..%2fprojects/p2",
        "/api/public/..;/projects/p2",
        "/api/public/%252e%252e/projects/p2",
        "/api/public//../projects/p2",
      ];
      for (const path of paths) {
        const actor = unique();
        await send(app, "DELETE", path, actor);
        const [record, ...others] = await records(actor);
        assert.deepEqual([record?.action, record?.target_id, others.length], ["project.deleted", "p2", 0], path);
        assert.deepEqual(record?.metadata?.["other_readings"], [{ rule: "assets" }], path);
      }
      assert.deepEqual([app.stats().ambiguous, app.policy.coverage().ambiguous], [paths.length, paths.length]);
    });

    it("take the stricter failure policy, and name the other rule", async () => {
      const { app, records } = await start();
      const actor = unique();
      await send(app, "DELETE", "/api/projects/..%2fkeys%2fk1", actor);
      const found = await records(actor);
      assert.deepEqual(found.map((record) => record.target_id), ["k1", "k1"]);
      const other = { rule: "project deleted", action: "project.deleted", target_id: "../keys/k1" };
      assert.deepEqual(found.map((record) => record.metadata?.["other_readings"]), [[other], [other]]);
    });

    it("are excluded only if every reading agrees", async () => {
      const { app, records } = await start();
      const actor = unique();
      await send(app, "DELETE", "/api/public/a/../b", actor);
      const { covered, uncoveredRequests, unrouted, ambiguous } = app.policy.coverage();
      assert.deepEqual([covered, uncoveredRequests + unrouted, ambiguous], [1, 0, 0]);
      await send(app, "DELETE", "/api/public/../teams/t1", actor);
      const next = app.policy.coverage();
      assert.deepEqual([next.covered, next.uncoveredRequests + next.unrouted, next.ambiguous], [1, 1, 1]);
      assert.deepEqual(await records(actor), []);
    });

    it("are refused if the policy says so", async () => {
      const { app, records } = await start('ambiguous_paths = "refuse"\n');
      const actor = unique();
      handled = 0;
      const { status, answer } = await send(app, "DELETE", "/api/projects/..%2fkeys%2fk1", actor);
      assert.deepEqual([status, answer["code"], answer["status"], handled], [400, "ambiguous_path", 400, 0]);
      const [record, ...others] = await records(actor);
      assert.deepEqual([record?.action, record?.outcome, others.length], ["key.revoked", "failure", 0]);
      assert.deepEqual([app.stats().rejected, app.stats().refused], [1, 0]);
      assert.equal((await send(app, "DELETE", "/api/projects/p2", actor)).status, 200);
      assert.equal((await send(app, "DELETE", "/api/projects/p2;v=1", actor)).status, 200, "every reading leads to one rule");
    });

    it("are refused without a required target", async () => {
      const { app, records } = await start();
      const actor = unique();
      handled = 0;
      for (const body of ['{"name":"n"}', '{"id":{}}']) {
        const { status, answer } = await send(app, "PUT", "/api/projects", actor, body);
        assert.deepEqual([status, answer["code"]], [422, "audit_target_unknown"]);
      }
      assert.deepEqual([handled, app.stats().rejected], [0, 2]);
      const found = await records(actor);
      assert.deepEqual(found.map(({ outcome, metadata }) => [outcome, metadata?.["phase"]]), [["failure", undefined], ["failure", undefined]]);
      assert.equal((await send(app, "PUT", "/api/projects", actor, '{"id":"p1"}')).status, 200);
      assert.equal((await send(app, "PUT", "/api/projects", actor, `{"id":"p1"}${" ".repeat(70_000)}`)).status, 200);
    });
  });
}
