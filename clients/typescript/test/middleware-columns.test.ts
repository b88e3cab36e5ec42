/** The columns outcome, actor_name and target_name of the middleware, and the ids of intents. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { AuditRecord } from "../src/index.js";
import { FRAMEWORKS, type Routes } from "./applications.js";
import { spooling } from "./recorder-fixtures.js";
import { client, stored, unique, until } from "./support.js";

const POLICY = `
version = 1
failure = "spool"

[[rule]]
methods = ["DELETE"]
route = "/things/{id}"
action = "thing.deleted"
target_type = "thing"
target_id = { path = "id" }
failure = "must"

[[rule]]
route = "/things/{id}"
action = "thing.used"
target_type = "thing"
target_id = { path = "id" }
`;

const CUT = "x".repeat(199);

const ROUTES: Routes = {
  "POST /things/:id": ({ audit, params, send }) => {
    const { id = "" } = params;
    if (id === "throws") {
      throw new Error("a bug of the handler");
    }
    if (id === "named") {
      audit.setTargetName("The thing");
    }
    if (id === "moved") {
      audit.setTarget({ id: "t-2", name: `${CUT}😀😀` });
    }
    if (id !== "hang") {
      send(/^\d+$/.test(id) ? Number(id) : 200, {});
    }
  },
  "DELETE /things/:id": ({ params, send }) => send(params["id"] === "forbidden" ? 403 : 200, {}),
};

for (const framework of Object.keys(FRAMEWORKS)) {
  describe(`columns, with ${framework}`, () => {
    const start = async (timeoutMs?: number): Promise<(ids: readonly string[], headers?: Record<string, string>, method?: string) => Promise<AuditRecord[]>> => {
      const recorder = await spooling(undefined);
      const make = FRAMEWORKS[framework];
      assert.ok(make);
      const setup = { recorder, policy: POLICY, routes: ROUTES, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
      const { url } = await make(setup);
      return async (ids, headers = {}, method = "POST") => {
        const actor = unique();
        for (const id of ids) {
          const asked = fetch(`${url}/things/${id}`, {
            method,
            headers: { "x-user": actor, ...headers },
            redirect: "manual",
            signal: id === "hang" ? AbortSignal.timeout(500) : null,
          });
          await asked.catch((error: unknown) => assert.equal(id, "hang", String(error)));
        }
        const expected = method === "DELETE" ? ids.length * 2 : ids.length;
        let records: AuditRecord[] = [];
        await until(async () => {
          await recorder.flush();
          records = (await stored(headers["x-system"] === undefined ? actor : "system")).reverse();
          records = records.filter(({ request_id }) => headers["x-request-id"] === undefined || request_id === headers["x-request-id"]);
          return records.length === expected;
        }, "the records");
        assert.equal(recorder.stats().refused, 0);
        return records;
      };
    };

    it("outcome follows the status", async () => {
      const ask = await start();
      const records = await ask(["200", "201", "302", "400", "401", "403", "404", "409", "500", "503", "408", "504", "throws"]);
      assert.deepEqual(
        records.map(({ outcome }) => outcome),
        [
          ...Array<string>(3).fill("success"),
          "failure",
          "denied",
          "denied",
          ...Array<string>(4).fill("failure"),
          "unknown",
          "unknown",
          "failure",
        ],
      );
    });

    it("outcome is unknown after a timeout", async () => {
      const ask = await start(30);
      assert.deepEqual((await ask(["hang"])).map(({ outcome }) => outcome), ["unknown"]);
    });

    it("an outcome has the id of its intent with the last bit set", async () => {
      const ask = await start();
      const [intent, outcome] = await ask(["forbidden"], {}, "DELETE");
      assert.ok(intent && outcome);
      assert.deepEqual([intent.outcome, outcome.outcome], ["unknown", "denied"]);
      const bits = [intent, outcome].map(({ id }) => BigInt(`0x${id.replaceAll("-", "")}`));
      assert.deepEqual([bits[0] ?? 0n, (bits[0] ?? 0n) % 2n], [(bits[1] ?? 0n) - 1n, 0n]);
      const listed = await client().query({ actor_id: intent.actor_id });
      assert.deepEqual(listed.data.map(({ id }) => id), [outcome.id]);
      const denied = await client().query({ actor_id: intent.actor_id, outcome: "denied" });
      assert.equal(denied.data.length, 1);
      assert.match(outcome.recorded_by ?? "", /^key:/);
    });

    it("names come from the principal and the handler", async () => {
      const ask = await start();
      const [plain, named, moved] = await ask(["200", "named", "moved"], { "x-name": "Ana" });
      assert.deepEqual([plain?.actor_name, plain?.target_name], ["Ana", null]);
      assert.deepEqual([named?.target_id, named?.target_name], ["named", "The thing"]);
      // Truncated between characters.
      assert.deepEqual([moved?.target_id, moved?.target_name], ["t-2", `${CUT}😀`]);
    });

    it("the other id of a system actor becomes its name", async () => {
      const ask = await start();
      const [record] = await ask(["200"], { "x-system": "cron", "x-request-id": unique() });
      assert.deepEqual([record?.actor_type, record?.actor_id, record?.actor_name], ["system", "system", "cron"]);
    });
  });
}
