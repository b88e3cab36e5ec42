import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";

import { Policy } from "../src/index.js";
import { RoutePattern, StatusPattern } from "../src/policy/pattern.js";
import { picked } from "../src/policy/pointer.js";
import { column, Redaction } from "../src/policy/redact.js";
import { temporary } from "./support.js";

const EXAMPLE = "../../docs/policy-example.toml";

/** A policy with one rule, and lines to put into it. */
function withRule(lines: string, root = ""): string {
  return `version = 1\n${root}\n[[rule]]\nroute = "/a/{id}"\naction = "a.b"\ntarget_type = "t"\n${lines}\n`;
}

describe("the example policy", () => {
  const policy = Policy.load(EXAMPLE);
  const decided = (method: string, path: string, status: number): string | undefined =>
    policy.match(method, path)?.forStatus(status)?.rule.name;

  it("decides by method, route and status, the first rule first", () => {
    assert.equal(decided("POST", "/v1/sessions", 401), "login refused");
    assert.equal(decided("POST", "/v1/sessions", 201), "login");
    assert.equal(decided("POST", "/v1/sessions", 500), undefined);
    assert.equal(decided("POST", "/v1/sessions/refresh", 200), "sessions are refreshed");
    assert.equal(decided("post", "/v1/projects?dry=1", 409), "project created");
    assert.equal(decided("POST", "/v1/projects", 550), "project created");
    assert.equal(decided("GET", "/admin/users/7", 200), "administration");
    assert.equal(decided("GET", "/v1/projects", 200), undefined);
  });

  it("has an intent where a rule says must, and the failure policy of the file elsewhere", () => {
    assert.equal(policy.match("DELETE", "/v1/projects/p1")?.intent?.rule.name, "project deleted");
    assert.deepEqual(policy.match("DELETE", "/v1/projects/p1")?.intent?.params, { id: "p1" });
    assert.equal(policy.match("PATCH", "/v1/projects/p1")?.intent, undefined);
    assert.equal(policy.match("PATCH", "/v1/projects/p1")?.candidates[0]?.rule.failure, "spool");
  });

  it("is described key by key in docs/policy.md", () => {
    const page = readFileSync("../../docs/policy.md", "utf8");
    const keys = [...readFileSync(EXAMPLE, "utf8").matchAll(/^([a-z_]+) =/gm)].map(([, key = ""]) => key);
    assert.deepEqual(keys.filter((key) => !page.includes(`| \`${key}\``)), []);
  });
});

describe("a route", () => {
  const matches = (route: string, path: string): boolean =>
    Policy.parse(withRule("").replace("/a/{id}", route)).match("GET", path) !== undefined;

  it("has parameters of one segment and of the rest", () => {
    const one = new RoutePattern("/v1/{kind}/{id}");
    assert.deepEqual(one.match(["v1", "x", "a/b"]), { kind: "x", id: "a/b" });
    assert.equal(one.match(["v1", "x"]), undefined);
    assert.equal(one.match(["v1", "x", "y", "z"]), undefined);
    const rest = new RoutePattern("/files/{*rest}");
    assert.deepEqual(rest.match(["files", "a", "b"]), { rest: "a/b" });
    assert.deepEqual(rest.match(["files"]), { rest: "" });
    assert.ok(matches("/", "/") && !matches("/", "/a"));
  });

  it("cannot be dodged by other ways to write the same path", () => {
    const ways = [
      "/v1/projects",
      "/v1/projects/",
      "/V1/Projects",
      "//v1///projects",
      "/v1/%70rojects",
      "/v1/projects?x=/y",
      "/v1/projects#x",
      "http://host/v1/projects",
      "\\v1\\projects#",
    ];
    assert.deepEqual(ways.filter((way) => !matches("/v1/projects", way)), []);
    assert.deepEqual(["/v1", "/v1/projects/x", "/v1projects"].filter((path) => matches("/v1/projects", path)), []);
    assert.ok(matches("/a/{id}", "/a/%zz"), "a broken escape is taken as it is");
  });

  it("has statuses alone, in families and in ranges", () => {
    const matching = (text: string): number[] =>
      [199, 200, 299, 300, 404, 450].filter((status) => new StatusPattern(text).matches(status));
    assert.deepEqual(matching("2xx"), [200, 299]);
    assert.deepEqual(matching("404"), [404]);
    assert.deepEqual(matching("300-404"), [300, 404]);
  });
});

describe("a wrong policy", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["", /`version = 1` is needed/],
    ["version = 2", /p\.toml.*`version = 1` is needed/],
    ["version = 1\nfailures = \"must\"", /p\.toml:2: `failures` is unknown; use one of version, failure/],
    ["version = 1\nfailure = \"maybe\"", /p\.toml:2: .*must, spool, best_effort/],
    ["version = 1\ntrusted_proxies = [\"10.0.0.0/33\"]", /p\.toml:2: `10\.0\.0\.0\/33` is no address/],
    ["version = 1\ntrusted_proxies = [\"all\"]", /`all` is no address/],
    ["version = 1\nredact = [\"/a~2\"]", /no JSON pointer/],
    ["version = = 1", /p\.toml:1: this is no TOML/],
    [withRule("stauts = [\"2xx\"]"), /p\.toml:7: `stauts` is unknown; use one of name, methods/],
    [withRule("status = [\"20x\"]"), /p\.toml:7: `20x` is no status/],
    [withRule("status = [\"299-200\"]"), /is empty/],
    [withRule("status = [404]"), /^invalid_policy: p\.toml:7: `status` must be a list of texts$/],
    [withRule("").replace("/a/{id}", "/a/:id"), /p\.toml:4: `:id` in the route .*parameters are \{name\}/],
    [withRule("").replace("/a/{id}", "/a?dry=1"), /queries are not looked at/],
    [withRule("target_id = { path = \"id\" }", "redact = [\"ID\"]"), /p\.toml:7: \{id\} is removed by `redact`/],
    [withRule("methods = [\"POST \"]"), /p\.toml:7: .*HTTP methods/],
    [withRule("level = \"all\""), /none, metadata, request, request_response/],
    [withRule("target_id = { path = \"name\" }"), /p\.toml:7: the route `\/a\/\{id\}` has no \{name\}/],
    [withRule("target_id = { query = \"name\" }"), /must be one of \{ path \| header/],
    [withRule("target_id = { path = \"id\", value = \"x\" }"), /must be one of/],
    [withRule("target_id = { header = \"Cookie\" }"), /never recorded/],
    [withRule("target_id = { body = \"/user/Token\" }", "redact = [\"token\"]"), /is removed by `redact`/],
    [withRule("target_id = { body = \"/card/number\" }", "redact = [\"/card\"]"), /is removed by `redact`/],
    [withRule("allow = [\"/name\"]"), /`allow` needs the level/],
    [withRule("level = \"request\"\nallow = [\"name\"]"), /p\.toml:8: `name` in `allow` is no JSON pointer/],
    [withRule("").replace("/a/{id}", "a"), /p\.toml:4: the route `a` must start/],
    [withRule("").replace("/a/{id}", "/{*all}/x"), /must be its last segment/],
    [withRule("").replace("/a/{id}", "/f/{n}.json"), /neither fixed nor/],
    [withRule("").replace("/a/{id}", "/{n}/{n}"), /twice/],
    [withRule("").replace('"a.b"', '"ab"'), /p\.toml:5: .*resource\.verb/],
    ["version = 1\n[[rule]]\nroute = \"/\"\n[[rule]]\nroute = \"/a\"", /p\.toml:2: a rule needs `action`/],
    ["version = 1\n[[rule]]\nroute = \"/\"\nlevel = \"none\"\n\n[[rule]]\naction = \"a.b\"", /p\.toml:6: a rule needs `route`/],
    ["version = 1\n[rule]\nroute = \"/\"", /with two brackets/],
  ];
  for (const [text, message] of cases) {
    it(`is refused: ${String(message)}`, () => {
      assert.throws(() => Policy.parse(text, "p.toml"), (error: Error & { code?: string }) => {
        assert.equal(error.code, "invalid_policy");
        assert.match(error.message, message);
        return true;
      });
    });
  }

  it("is refused by name when it is not there, or holds letters that are none", () => {
    assert.throws(() => Policy.load("no-such-policy.toml"), /cannot read the policy no-such-policy\.toml/);
    const file = join(temporary(), "latin.toml");
    // A name in another encoding would remove nothing.
    writeFileSync(file, Buffer.from('version = 1\nredact = ["geheimnis-schl\u00fcssel"]\n', "latin1"));
    assert.throws(() => Policy.load(file), { code: "invalid_policy", message: /latin\.toml/ });
  });

  it("is none for the ends of its lines, or a mark at its beginning", () => {
    const file = join(temporary(), "windows.toml");
    writeFileSync(file, `\ufeff${withRule("target_id = { path = \"id\" }")}`.replaceAll("\n", "\r\n"));
    assert.equal(Policy.load(file).rules.length, 1);
  });
});

describe("redaction", () => {
  const redaction = new Redaction(["password", "/card/number"]);

  it("removes names anywhere in any case, places, and what no policy may allow", () => {
    const clean = redaction.clean({
      Password: 1,
      deep: [{ "Set-Cookie": 2, AUTHORIZATION: 3, kept: 4 }],
      card: { number: 5, expires: 6 },
      other: { card: { number: 7 } },
    });
    assert.deepEqual(JSON.parse(JSON.stringify(clean)), {
      deep: [{ kept: 4 }],
      card: { expires: 6 },
      other: { card: { number: 7 } },
    });
  });

  it("makes what the database can hold of whatever there is", () => {
    let deep: unknown = "end";
    for (let i = 0; i < 100; i += 1) {
      deep = { deep };
    }
    const odd = { nul: "a\0b", half: "\ud800", big: 1e300, small: 1e-9, not: NaN, count: 12n, when: new Date(0), no: undefined, deep };
    const clean = JSON.parse(JSON.stringify(redaction.clean(odd))) as Record<string, unknown>;
    assert.deepEqual(
      { ...clean, deep: null },
      { nul: "a\ufffdb", half: "\ufffd", big: "1e+300", small: "1e-9", not: null, count: "12", when: "1970-01-01T00:00:00.000Z", deep: null },
    );
    assert.match(JSON.stringify(clean), /\[too deep\]/);
  });

  it("cuts columns by characters, not by halves of them", () => {
    assert.equal(column("a\nb\u007f", 10), "a\ufffdb\ufffd");
    assert.equal(column("😀😀😀", 2), "😀😀");
  });

  it("picks fields in their places, and a field with a strange name like others", () => {
    const document = JSON.parse('{"a":{"b":1,"c":2},"l":[{"n":3}],"__proto__":{"x":4}}') as unknown;
    const found = picked(document, [["a", "b"], ["l", "0", "n"], ["__proto__", "x"], ["toString"]]);
    assert.equal(JSON.stringify(found), '{"a":{"b":1},"l":{"0":{"n":3}},"__proto__":{"x":4}}');
    assert.equal(picked(document, [["none"]]), undefined);
  });
});

describe("coverage", () => {
  it("tells rules of the same name apart", () => {
    const rule = (status: string): string => withRule(`status = ["${status}"]`).replace("version = 1", "");
    const policy = Policy.parse(`version = 1\n${rule("2xx")}${rule("4xx")}`);
    policy.saw("GET", "/a/:id", policy.match("GET", "/a/1")?.forStatus(404)?.rule, true);
    assert.deepEqual(policy.coverage().unusedRules, ["/a/{id}"]);
  });
});
