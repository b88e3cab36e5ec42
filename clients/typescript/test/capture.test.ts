/** The parts of the middleware that are independent of a framework. */
import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { describe, it } from "node:test";

import { clientAddress } from "../src/capture/address.js";
import { requestBody } from "../src/capture/body.js";
import { buildRecord } from "../src/capture/build.js";
import { Handle } from "../src/capture/handle.js";
import { Capture } from "../src/capture/options.js";
import { auditrail as forExpress } from "../src/express.js";
import { auditrail as forFastify } from "../src/fastify.js";
import { Policy, Recorder } from "../src/index.js";
import { recorder, spooling } from "./recorder-fixtures.js";
import { noRecord } from "./support.js";

function request(remoteAddress: string | undefined, headers: Record<string, string>): IncomingMessage {
  return { socket: { remoteAddress }, headers } as unknown as IncomingMessage;
}

describe("clientAddress", () => {
  it("is undefined for a local socket, and has no zone", () => {
    const { trustedProxies } = Policy.parse("version = 1");
    const address = (peer: string): string | undefined =>
      clientAddress(request(peer, { "x-forwarded-for": "198.51.100.1" }), trustedProxies);
    assert.deepEqual([address(""), address("fe80::1%eth0")], [undefined, "fe80::1"]);
  });
});

describe("requestBody", () => {
  const looked = (headers: Record<string, string>, body: unknown): unknown => requestBody(request("::1", headers), body);

  it("accepts objects and arrays of at most 64 KiB", () => {
    assert.ok(looked({ "content-type": "application/json; charset=utf-8", "content-length": "9" }, {}));
    assert.ok(looked({ "content-type": "application/merge-patch+json" }, []));
    assert.ok(!looked({ "content-type": "application/json" }, { text: "x".repeat(65_536) }));
    assert.ok(!looked({ "content-type": "application/json", "content-encoding": "gzip", "content-length": "9" }, ["x".repeat(65_536)]));
    assert.ok(!looked({ "content-type": "application/json" }, "text"));
    assert.ok(!looked({ "content-type": "application/json" }, 5));
    assert.ok(!looked({}, undefined));
  });

  it("is not hidden by headers, blanks or a mark", () => {
    // The handler gets the same.
    assert.ok(looked({ "content-type": "text/plain", "content-length": "9" }, {}));
    assert.ok(looked({ "content-type": "application/x-www-form-urlencoded", "content-length": "9" }, { id: "1" }));
    assert.ok(looked({ "content-encoding": "identity", "content-length": "9" }, {}));
    assert.ok(looked({ "content-encoding": " Identity, identity", "content-length": "70000" }, {}));
    assert.ok(looked({ "content-length": "70000" }, { id: "1" }));
    assert.ok(!looked({ "content-length": "1048577" }, { id: "1" }));
    for (const text of ['\ufeff{"id":1}', ' \n{"id":1}']) {
      assert.deepEqual(looked({ "content-type": "text/plain" }, text), { id: 1 });
      assert.deepEqual(looked({}, Buffer.from(text)), { id: 1 });
      assert.deepEqual(looked({}, new Uint8Array(Buffer.from(text))), { id: 1 });
    }
    for (const text of ["", "5", '"id"', "null", "{", '{"id":1', `{"id":1}${" ".repeat(65_536)}`]) {
      assert.equal(looked({ "content-type": "application/json" }, text), undefined);
    }
  });
});

describe("oversized metadata", () => {
  const policy = Policy.parse(`
version = 1
[[rule]]
route = "/"
level = "request_response"
action = "a.b"
target_type = "t"
allow = ["/text"]
`);
  const [matched] = policy.match("GET", "/")?.candidates ?? [];
  assert.ok(matched);
  const sizes = (request_: number, response: number, extra: number, before: number): Record<string, unknown> => {
    const handle = new Handle("r-1", policy.redaction, noRecord);
    handle.addMetadata({ text: "x".repeat(extra) });
    handle.diff("x".repeat(before), "y");
    const { input } = buildRecord({
      request: request("::1", { "user-agent": "x".repeat(2_000) }),
      method: "GET",
      matched,
      handle,
      principal: { actor: { type: "user", id: "u".repeat(600) } },
      address: "::1",
      redaction: policy.redaction,
      body: () => ({ text: "x".repeat(request_) }),
      response: () => ({ text: "x".repeat(response) }),
      end: { outcome: "success", status: 200, durationMs: 1 },
      others: [],
      action: undefined,
      intentId: undefined,
    });
    assert.ok(Buffer.byteLength(JSON.stringify(input.metadata)) <= 65_536);
    assert.deepEqual([input.actor_id.length, input.user_agent?.length, input.target_id], [500, 1_024, "unknown"]);
    return input.metadata as Record<string, unknown>;
  };

  it("loses the response, then the request, then extra, and names them", () => {
    assert.equal(sizes(30_000, 30_000, 1, 1)["truncated"], undefined);
    const first = sizes(40_000, 40_000, 1, 1);
    assert.deepEqual([first["truncated"], "request" in first, "response" in first], [["response"], true, false]);
    assert.deepEqual(sizes(66_000, 1, 1, 1)["truncated"], ["response", "request"]);
    assert.deepEqual(sizes(1, 1, 66_000, 1)["truncated"], ["response", "request", "extra"]);
    assert.deepEqual(sizes(1, 1, 1, 66_000)["truncated"], ["response", "request", "extra", "before"]);
  });
});

describe("values set by a handler", () => {
  const { redaction } = Policy.parse("version = 1");
  const bytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

  it("may be cyclic, as objects of an ORM are, and of any size", () => {
    interface Person {
      readonly name: string;
      readonly friends: Person[];
    }
    const people: Person[] = Array.from({ length: 10 }, (_, i) => ({ name: `p${i}`, friends: [] }));
    people.forEach((person) => person.friends.push(...people));
    const handle = new Handle("r-1", redaction, noRecord);
    handle.diff(people[0], { ...people[0], name: "other" });
    handle.addMetadata({ list: Array.from({ length: 1_000_000 }, () => null) });
    assert.deepEqual([handle.before, handle.after], [{ name: "p0" }, { name: "other" }]);
    const cut = handle.extra?.["list"] as unknown[];
    // More than the limit of metadata, so that it is removed and named there; not the whole value.
    assert.ok(bytes(cut) > 65_536 && cut.length < 65_536);
    assert.equal(cut.at(-1), "[too much]");
  });

  it("may throw when read", () => {
    const handle = new Handle("r-1", redaction, noRecord);
    const broken = { toJSON: () => assert.fail("a bug of the application") };
    handle.addMetadata({ broken, sound: 1 });
    assert.deepEqual({ ...handle.extra }, { broken: "[unreadable]", sound: 1 });
  });

  it("are compared by value, regardless of the order of members", () => {
    const handle = new Handle("r-1", redaction, noRecord);
    handle.diff({ name: "a", size: { x: 1, y: [2] } }, { size: { y: [2], x: 1 }, name: "b" });
    assert.deepEqual([handle.before, handle.after], [{ name: "a" }, { name: "b" }]);
  });
});

describe("timeoutMs", () => {
  it("is rejected if it exceeds the maximum of timers", async () => {
    const options = { policy: Policy.parse("version = 1"), recorder: await recorder(undefined), actor: () => undefined };
    for (const timeoutMs of [0, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31]) {
      assert.throws(() => new Capture({ ...options, timeoutMs }), { code: "invalid_option" });
    }
    new Capture({ ...options, timeoutMs: 2 ** 31 - 1 });
  });
});

describe("a policy with spool", () => {
  it("is rejected for a recorder without a spool", async () => {
    const policy = Policy.load("../../docs/policy-example.toml");
    const here = await recorder(undefined);
    assert.throws(() => new Capture({ policy, recorder: here, actor: () => undefined }), { code: "no_spool" });
  });
});

describe("options that are missing in plain JavaScript", () => {
  it("are named when the middleware is made", async () => {
    const here = await spooling(undefined);
    const policy = Policy.parse("version = 1");
    const incomplete: readonly (readonly [RegExp, unknown])[] = [
      [/^invalid_option: `actor` is needed: a function that returns who sent a request, such as/, { recorder: here, policy }],
      [/`actor` is needed/, { recorder: here, policy, actor: "ana" }],
      [/`policy` is needed: the result of `Policy.load/, { recorder: here, actor: () => undefined }],
      [/`recorder` is needed: the result of `await Recorder.open/, { policy, actor: () => undefined }],
      [/`recorder` is needed/, { recorder: Promise.resolve(here), policy, actor: () => undefined }],
      [/`recorder` is needed/, undefined],
    ];
    for (const [message, options] of incomplete) {
      assert.throws(() => forExpress(options as never), { code: "invalid_option", message });
      assert.throws(() => forFastify(options as never), { code: "invalid_option", message });
    }
  });

  it("are named when the recorder is opened", async () => {
    for (const options of [undefined, {}, { client: {} }]) {
      await assert.rejects(Recorder.open(options as never), { code: "invalid_option", message: /`client` is needed/ });
    }
  });
});
