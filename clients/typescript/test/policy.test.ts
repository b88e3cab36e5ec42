/** Behavior specific to this implementation; vectors.test.ts tests what both implementations share. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";

import { ExactNumber, Policy } from "../src/index.js";
import { picked } from "../src/policy/pointer.js";
import { column, Redaction } from "../src/policy/redact.js";
import { temporary } from "./support.js";

const EXAMPLE = "../../docs/policy-example.toml";

describe("the example policy", () => {
  const policy = Policy.load(EXAMPLE);

  it("has an intent for must, else the failure policy of the file", () => {
    assert.equal(policy.match("DELETE", "/v1/projects/p1")?.intent?.rule.name, "project deleted");
    assert.deepEqual(policy.match("DELETE", "/v1/projects/p1")?.intent?.params, { id: "p1" });
    assert.equal(policy.match("PATCH", "/v1/projects/p1")?.intent, undefined);
    assert.equal(policy.match("PATCH", "/v1/projects/p1")?.candidates[0]?.rule.failure, "spool");
  });

  it("has all its keys documented in docs/policy.md", () => {
    const page = readFileSync("../../docs/policy.md", "utf8");
    const keys = [...readFileSync(EXAMPLE, "utf8").matchAll(/^([a-z_]+) =/gm)].map(([, key = ""]) => key);
    assert.deepEqual(keys.filter((key) => !page.includes(`| \`${key}\``)), []);
  });
});

describe("Policy.load", () => {
  it("reports the line of invalid TOML", () => {
    assert.throws(() => Policy.parse("version = = 1", "p.toml"), /p\.toml:1: invalid TOML/);
  });

  it("names a file that is missing or not UTF-8", () => {
    assert.throws(() => Policy.load("no-such-policy.toml"), /cannot read the policy no-such-policy\.toml/);
    const file = join(temporary(), "latin.toml");
    // A name in another encoding would redact nothing.
    writeFileSync(file, Buffer.from('version = 1\nredact = ["geheimnis-schl\u00fcssel"]\n', "latin1"));
    assert.throws(() => Policy.load(file), { code: "invalid_policy", message: /latin\.toml/ });
  });

  it("accepts CRLF and a byte order mark", () => {
    const file = join(temporary(), "windows.toml");
    const rule = '[[rule]]\nroute = "/a/{id}"\naction = "a.b"\ntarget_type = "t"\ntarget_id = { path = "id" }\n';
    writeFileSync(file, `\ufeffversion = 1\n${rule}`.replaceAll("\n", "\r\n"));
    assert.equal(Policy.load(file).rules.length, 1);
  });
});

describe("redaction", () => {
  const redaction = new Redaction(["password", "/card/number"]);

  it("removes names in any case, pointers, and built-in names", () => {
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

  it("converts values to what the database can store", () => {
    let deep: unknown = "end";
    for (let i = 0; i < 100; i += 1) {
      deep = { deep };
    }
    const odd = { nul: "a\0b", half: "\ud800", big: 1e300, small: 1e-9, not: NaN, count: 12n, huge: 10n ** 30n, when: new Date(0), no: undefined, deep };
    const clean = JSON.parse(JSON.stringify(redaction.clean(odd))) as Record<string, unknown>;
    assert.deepEqual(
      { ...clean, deep: null },
      { nul: "a\ufffdb", half: "\ufffd", big: "1e+300", small: "1e-9", not: null, count: 12, huge: `1${"0".repeat(30)}`, when: "1970-01-01T00:00:00.000Z", deep: null },
    );
    assert.match(JSON.stringify(clean), /\[too deep\]/);
    assert.deepEqual(redaction.clean(1234567890123456789n), new ExactNumber("1234567890123456789"));
    assert.deepEqual(redaction.clean(new ExactNumber("0.1000000000000000055")), new ExactNumber("0.1000000000000000055"));
    assert.equal(redaction.clean(new ExactNumber("1e400")), "1e400");
  });

  it("truncates columns by code points", () => {
    assert.equal(column("a\nb\u007f", 10), "a\ufffdb\ufffd");
    assert.equal(column("😀😀😀", 2), "😀😀");
  });

  it("picks fields in their positions, including __proto__", () => {
    const document = JSON.parse('{"a":{"b":1,"c":2},"l":[{"n":3}],"__proto__":{"x":4}}') as unknown;
    const found = picked(document, [["a", "b"], ["l", "0", "n"], ["__proto__", "x"], ["toString"]]);
    assert.equal(JSON.stringify(found), '{"a":{"b":1},"l":{"0":{"n":3}},"__proto__":{"x":4}}');
    assert.equal(picked(document, [["none"]]), undefined);
  });
});

describe("coverage", () => {
  it("distinguishes rules with the same name", () => {
    const rule = (status: string): string => `[[rule]]\nroute = "/a/{id}"\nlevel = "none"\nstatus = ["${status}"]\n`;
    const policy = Policy.parse(`version = 1\n${rule("2xx")}${rule("4xx")}`);
    policy.countRequest("GET", "/a/:id", policy.match("GET", "/a/1")?.forStatus(404)?.rule, true);
    assert.deepEqual(policy.coverage().unusedRules, ["/a/{id}"]);
  });
});
