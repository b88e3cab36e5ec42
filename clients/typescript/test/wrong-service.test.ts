/** A wrong API key or URL is an error within seconds. */
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";

import { type AuditrailError, Recorder, type RecorderOptions } from "../src/index.js";
import { type Fault, Proxy } from "./proxy.js";
import { QUICK } from "./recorder-fixtures.js";
import { client, makeKey, revokeKey, sample, service, temporary, until } from "./support.js";

const SECONDS = 5_000;

interface Wrong {
  readonly name: string;
  readonly code: string;
  readonly message: RegExp;
  readonly connect: () => Promise<RecorderOptions["client"]>;
}

async function behind(fault: Fault): Promise<RecorderOptions["client"]> {
  const proxy = await Proxy.start();
  proxy.otherwise = fault;
  return client(proxy.url);
}

const WRONG: readonly Wrong[] = [
  {
    name: "a wrong key",
    code: "invalid_key",
    message: /key/,
    connect: () => Promise.resolve(client(service.url, "adt_live_wrong")),
  },
  {
    name: "a revoked key",
    code: "invalid_key",
    message: /revoked/,
    connect: async () => {
      const { id, key } = await makeKey(["write"]);
      await revokeKey(id);
      return client(service.url, key);
    },
  },
  {
    name: "a key that may only read",
    code: "wrong_scope",
    message: /write/,
    connect: async () => client(service.url, (await makeKey(["read"])).key),
  },
  {
    name: "a name that does not exist",
    code: "unreachable",
    message: /auditrail\.invalid.*(ENOTFOUND|EAI_AGAIN)/,
    connect: () => Promise.resolve(client("http://auditrail.invalid")),
  },
  {
    name: "a port without a server",
    code: "unreachable",
    message: /127\.0\.0\.1.*ECONNREFUSED/,
    connect: async () => {
      const proxy = await Proxy.start();
      await proxy.stop();
      return client(proxy.url);
    },
  },
  {
    name: "another server",
    code: "bad_answer",
    message: /127\.0\.0\.1/,
    connect: () => behind({ kind: "answer", status: 200, body: "{}" }),
  },
  { name: "another path", code: "http_404", message: /http_404/, connect: () => behind({ kind: "answer", status: 404 }) },
];

/** Warnings of the process during a test. */
function warnings(t: TestContext): string[] {
  const found: string[] = [];
  t.mock.method(process, "emitWarning", (message: string, { code }: { code: string }) => found.push(`${code} ${message}`));
  return found;
}

async function opened(options: RecorderOptions): Promise<Recorder> {
  return Recorder.open({ ...QUICK, ...options });
}

describe("a wrong key or URL", () => {
  for (const { name, code, message, connect } of WRONG) {
    it(`${name}: check() rejects within seconds`, async (t) => {
      warnings(t);
      const connected = await connect();
      const here = await opened({ client: connected });
      const begin = performance.now();
      await assert.rejects(here.check(), (error: AuditrailError) => {
        assert.deepEqual([error.code, message.test(error.message)], [code, true], error.message);
        return true;
      });
      assert.ok(performance.now() - begin < SECONDS);
      await here.close({ deadlineMs: 0 });
    });

    it(`${name}: onTrouble is called after opening, without a record`, async () => {
      const reported: (string | undefined)[] = [];
      const here = await opened({
        client: await connect(),
        checkOnOpen: true,
        onTrouble: (error) => reported.push(error?.code),
      });
      await until(() => reported.length > 0, "the report", SECONDS);
      await here.close({ deadlineMs: 0 });
      assert.deepEqual(reported, [code]);
    });

    it(`${name}: without a callback the process is warned once`, async (t) => {
      const warned = warnings(t);
      const here = await opened({ client: await connect(), checkOnOpen: true, spoolDir: temporary() });
      await here.record(sample("a"));
      await until(() => warned.length > 0 && here.stats().retried >= 1, "a warning and a failed attempt", SECONDS);
      await here.close({ deadlineMs: 0 });
      const kinds = warned.filter((text) => text.startsWith(`AUDITRAIL_${code.toUpperCase()} `));
      assert.deepEqual([kinds.length, warned.length], [1, 1], warned.join("\n"));
      assert.ok(message.test(warned[0] ?? ""), warned[0]);
    });
  }

  it("a key that may only write passes, and nothing is written", async () => {
    const { key } = await makeKey(["write"]);
    const here = await opened({ client: client(service.url, key) });
    await here.check();
    await here.close();
    assert.equal(here.stats().accepted, 0);
  });

  it("a service that does not respond is a timeout", async () => {
    const here = await opened({ client: await behind({ kind: "swallow" }), onTrouble: () => undefined });
    await assert.rejects(here.check({ timeoutMs: 50 }), { code: "timeout" });
    await here.close({ deadlineMs: 0 });
  });
});
