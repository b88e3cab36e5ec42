/** docs/policy-vectors.json, the test vectors that this package shares with the Rust layer. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { describe, it } from "node:test";

import { clientAddress } from "../src/capture/address.js";
import { Policy } from "../src/index.js";
import { RoutePattern, StatusPattern } from "../src/policy/pattern.js";
import { asId, parsePointer, picked } from "../src/policy/pointer.js";
import { readings } from "../src/policy/readings.js";
import { column, Redaction } from "../src/policy/redact.js";

interface Ambiguous {
  readonly method: string;
  readonly target: string;
  readonly status: number | null;
  readonly ambiguous: boolean;
  readonly rule: string | null;
  readonly params: Record<string, string> | null;
  readonly others: readonly string[];
  readonly covered: boolean | null;
  readonly intent: string | null;
}

interface Vectors {
  readonly routes: readonly { route: string; target: string; params: Record<string, string> | null }[];
  readonly methods: readonly { methods: string[]; method: string; matches: boolean }[];
  readonly statuses: readonly { pattern: string; of: number[]; matches: number[] }[];
  readonly wrong_statuses: readonly string[];
  readonly decisions: readonly { method: string; target: string; status: number | null; rule: string | null }[];
  readonly intents: readonly { method: string; target: string; rule: string | null; params: Record<string, string> | null }[];
  readonly ambiguous: { readonly policy: string; readonly cases: readonly Ambiguous[] };
  readonly wrong: readonly { policy: string; problems: string[] }[];
  readonly addresses: {
    readonly trusted_proxies: readonly string[];
    readonly cases: readonly { is: string; peer: string; forwarded: string | null; address: string }[];
  };
  readonly pointers: readonly { text: string; sound: boolean }[];
  readonly clean: readonly { redact: string[]; document: unknown; clean: unknown }[];
  readonly numbers: readonly { json: string; id: string; clean: unknown }[];
  readonly picked: readonly { allow: string[]; document: unknown; picked: unknown }[];
  readonly columns: readonly { text: string; max: number; column: string }[];
}

const vectors = JSON.parse(readFileSync("../../docs/policy-vectors.json", "utf8")) as Vectors;
const example = Policy.load("../../docs/policy-example.toml");

/** Normalized by JSON: without prototypes and undefined members. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value ?? null)) as unknown;
}

describe("policy vectors", () => {
  it("match routes", () => {
    for (const { route, target, params } of vectors.routes) {
      const pattern = new RoutePattern(route);
      const found = readings(target).map((path) => pattern.match(path)).find((values) => values !== undefined);
      assert.deepEqual(plain(found), params, `${route} ${target}`);
    }
  });

  it("match methods", () => {
    for (const { methods, method, matches } of vectors.methods) {
      const rule = `[[rule]]\nroute = "/a"\nlevel = "none"\nmethods = ${JSON.stringify(methods)}`;
      const match = Policy.parse(`version = 1\n${rule}`).match(method, "/a");
      assert.equal(match !== undefined, matches, `${method} ${methods.join()}`);
    }
  });

  it("match statuses", () => {
    for (const { pattern, of, matches } of vectors.statuses) {
      assert.deepEqual(of.filter((status) => new StatusPattern(pattern).matches(status)), matches, pattern);
    }
    for (const text of vectors.wrong_statuses) {
      assert.throws(() => new StatusPattern(text), { code: "invalid_policy" }, text);
    }
  });

  it("select the rules for outcome and intent", () => {
    for (const { method, target, status, rule } of vectors.decisions) {
      const match = example.match(method, target);
      const decided = match?.decide(status).matched;
      assert.equal(decided?.rule.name ?? null, rule, `${method} ${target} ${String(status)}`);
    }
    for (const { method, target, rule, params } of vectors.intents) {
      const intent = example.match(method, target)?.intent;
      assert.deepEqual([intent?.rule.name ?? null, plain(intent?.params)], [rule, params], `${method} ${target}`);
    }
  });

  it("take the strictest rule of an ambiguous path", () => {
    const policy = Policy.parse(vectors.ambiguous.policy);
    for (const { method, target, status, ...expected } of vectors.ambiguous.cases) {
      const match = policy.match(method, target);
      const decision = match?.decide(status);
      const found = {
        ambiguous: match?.isAmbiguous ?? false,
        rule: decision?.matched?.rule.name ?? null,
        params: plain(decision?.matched?.params),
        others: (decision?.others ?? []).map(({ rule }) => rule.name),
        covered: status === null ? null : (decision?.isCovered ?? false),
        intent: match?.intent?.rule.name ?? null,
      };
      assert.deepEqual(found, expected, `${method} ${target} ${String(status)}`);
    }
  });

  it("match long ambiguous paths in bounded time", () => {
    const policy = Policy.parse(vectors.ambiguous.policy);
    const long = `//public${"/a%252f;%3f\\..".repeat(5_000)}/api/projects/x`;
    const begin = performance.now();
    policy.match("DELETE", long);
    assert.ok(performance.now() - begin < 5_000);
    const hidden = `/api/public${"/a/..".repeat(5_000)}/../projects/x`;
    assert.equal(policy.match("DELETE", hidden)?.forStatus(200)?.rule.name, "project deleted");
  });

  it("reject invalid policies with the first error", () => {
    for (const { policy, problems } of vectors.wrong) {
      assert.throws(
        () => Policy.parse(policy, "p.toml"),
        (error: Error & { code?: string; detail?: string }) => {
          assert.equal(error.code, "invalid_policy");
          assert.ok(problems.includes(error.detail ?? ""), `${String(error.detail)} is not in ${problems.join("\n")}`);
          return true;
        },
      );
    }
  });

  it("resolve client addresses", () => {
    const { trusted_proxies, cases } = vectors.addresses;
    const { trustedProxies } = Policy.parse(`version = 1\ntrusted_proxies = ${JSON.stringify(trusted_proxies)}`);
    for (const { is, peer, forwarded, address } of cases) {
      const headers = forwarded === null ? {} : { "x-forwarded-for": forwarded };
      const request = { socket: { remoteAddress: peer }, headers } as unknown as IncomingMessage;
      assert.equal(clientAddress(request, trustedProxies), address, is);
    }
  });

  it("redact, convert, pick and truncate values", () => {
    for (const { text, sound } of vectors.pointers) {
      assert.equal(parsePointer(text) !== undefined, sound, text);
    }
    for (const { redact, document, clean } of vectors.clean) {
      assert.deepEqual(plain(new Redaction(redact).clean(document)), clean);
    }
    for (const { json, id, clean } of vectors.numbers) {
      const number: unknown = JSON.parse(json);
      assert.deepEqual([asId(number), new Redaction([]).clean(number)], [id, clean], json);
    }
    for (const { allow, document, picked: expected } of vectors.picked) {
      const pointers = allow.map((text) => parsePointer(text) ?? []);
      const clean = new Redaction([]).clean(document);
      assert.deepEqual(plain(picked(clean, pointers)), expected, allow.join());
    }
    for (const { text, max, column: expected } of vectors.columns) {
      assert.equal(column(text, max), expected);
    }
  });
});
