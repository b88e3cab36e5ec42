/** Planted secrets appear in no record, log or spool. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inspect } from "node:util";

import { type Call, FRAMEWORKS } from "./applications.js";
import { Proxy } from "./proxy.js";
import { spooling } from "./recorder-fixtures.js";
import type { AuditrailError } from "../src/index.js";
import { client, contents, sample, service, stored, temporary, unique, until } from "./support.js";

const POLICY = `
version = 1
failure = "spool"
redact = ["password", "/card/number"]

[[rule]]
route = "/{*path}"
level = "request_response"
action = "app.used"
target_type = "route"
target_id = { path = "path" }
allow = ["/password", "/card", "/authorization", "/nested", "/key"]
`;

const PLANTED = "planted-secret-7f3a";

const body = {
  password: PLANTED,
  card: { number: PLANTED, until: "2030" },
  authorization: PLANTED,
  nested: [{ Cookie: PLANTED, "set-cookie": [PLANTED], "X-Api-Key": PLANTED, kept: true }],
  not_allowed: PLANTED,
};

function handler({ audit, send }: Call): void {
  audit.addMetadata({ Password: PLANTED, "Proxy-Authorization": PLANTED, nested: { cookie: PLANTED } });
  audit.diff({ password: PLANTED, card: { number: PLANTED } }, { password: `${PLANTED}2`, card: {} });
  send(200, body);
}

for (const framework of Object.keys(FRAMEWORKS)) {
  describe(`secrets, with ${framework}`, () => {
    it("are in no spool, record, statistics or output", async (t) => {
      const printed: string[] = [];
      for (const stream of [process.stdout, process.stderr]) {
        const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
        t.mock.method(stream, "write", (...args: unknown[]) => {
          printed.push(String(args[0]));
          return write(...args);
        });
      }
      const actor = unique();
      const spoolDir = temporary();
      const proxy = await Proxy.start();
      await proxy.stop();
      const recorder = await spooling(proxy.url, { spoolDir });
      const make = FRAMEWORKS[framework];
      assert.ok(make);
      const app = await make({ recorder, policy: POLICY, routes: { "POST /things/:id": handler } });
      const response = await fetch(`${app.url}/things/1?token=${PLANTED}`, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "x-user": actor,
          authorization: `Bearer ${PLANTED}`,
          "proxy-authorization": PLANTED,
          cookie: `session=${PLANTED}`,
          "x-api-key": PLANTED,
        },
        body: JSON.stringify(body),
      });
      assert.equal(response.status, 200);
      await until(() => recorder.stats().spooled === 1, "the spool");
      const spool = contents(spoolDir);
      assert.ok(spool.includes(actor) && !spool.includes(PLANTED) && !spool.includes(service.key));
      await proxy.restart();
      await recorder.flush();
      const records = JSON.stringify(await stored(actor));
      assert.ok(records.includes('"kept":true') && records.includes('"until":"2030"'));
      const shown = inspect([recorder, recorder.stats(), app], { depth: 10, showHidden: true });
      const everything = [records, shown, ...printed, contents(spoolDir)].join("\n");
      assert.ok(!everything.includes(PLANTED));
      assert.ok(!everything.includes(service.key));
    });
  });
}

describe("the API key", () => {
  it("is redacted in a record that contains it", async () => {
    const actor = unique();
    const spoolDir = temporary();
    const here = await spooling(undefined, { spoolDir });
    await here.record(sample(actor, { metadata: { environment: `KEY=${service.key}` } }));
    assert.ok(!contents(spoolDir).includes(service.key));
    await here.flush();
    assert.deepEqual((await stored(actor))[0]?.metadata, { environment: "KEY=[key]" });
  });

  it("is cut out of other texts only if it has the form of one", async () => {
    for (const key of ["p", "or", "revoked", "created", "adt_dev", "user", "project.created"]) {
      await assert.rejects(client(undefined, key).query(), (error: AuditrailError) => {
        assert.deepEqual([error.status, error.message.includes("[key]")], [401, false], key);
        return true;
      });
      const text = client(undefined, key).encode(sample("ana", { metadata: { key } }));
      assert.deepEqual(JSON.parse(text), sample("ana", { metadata: { key } }));
    }
    for (const key of [service.key, `adt_test_${"x".repeat(33)}`, `ghp_${"a1".repeat(18)}`]) {
      assert.match(client(undefined, key).encode(sample("ana", { metadata: { key } })), /"key":"\[key\]"/);
      assert.ok(!inspect(client(undefined, key), { depth: 10, showHidden: true }).includes(key));
    }
  });
});
