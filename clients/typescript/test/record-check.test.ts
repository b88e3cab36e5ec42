/** docs/record-vectors.json: the rules of a record, as the service and all other implementations have them. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";

import { parseExactly } from "../src/exact-json.js";
import { recordErrors } from "../src/record/check.js";
import { checkTime } from "../src/record/time.js";
import { AuditrailError, Recorder, type RecordInput } from "../src/index.js";
import { QUICK, spooling } from "./recorder-fixtures.js";
import { client, contents, sample, service, stored, temporary, unique } from "./support.js";

interface Vectors {
  readonly now: string;
  readonly cases: readonly { readonly input: string; readonly errors: readonly { pointer: string; code: string }[] }[];
}

const vectors = JSON.parse(readFileSync("../../docs/record-vectors.json", "utf8")) as Vectors;

/**
 * Inputs that JavaScript values cannot express, with the difference: what is no JSON, repeated names, of which
 * `JSON.parse` keeps the last, and a zero with many digits.
 */
const INEXPRESSIBLE: readonly RegExp[] = [/^\ufeff/, /"n":0e99999999\}/];

function isExpressible(input: string): boolean {
  if (INEXPRESSIBLE.some((pattern) => pattern.test(input))) {
    return false;
  }
  try {
    const names = [...input.matchAll(/"((?:[^"\\]|\\.)*)"\s*:/g)].map((match) => match[1]);
    const inner: unknown = JSON.parse(input);
    // Nested members with one name at several depths are no repetition; the text of the value has them all.
    const kept = [...JSON.stringify(inner).matchAll(/"((?:[^"\\]|\\.)*)":/g)];
    return names.length === kept.length;
  } catch {
    return false;
  }
}

describe("record vectors", () => {
  const cases = vectors.cases.filter(({ input }) => isExpressible(input));

  it("give every error of the service, in its order", () => {
    assert.ok(cases.length >= vectors.cases.length * 0.95, `${vectors.cases.length - cases.length} are left out`);
    const now = Date.parse(vectors.now);
    for (const { input, errors } of cases) {
      const found = recordErrors(parseExactly(input), now).map(({ pointer, code }) => ({ pointer, code }));
      assert.deepEqual(found, errors, input.slice(0, 300));
    }
  });

  it("decide whether record() rejects or vouches", async () => {
    const here = await spooling("http://127.0.0.1:9", { onRefused: () => undefined, onTrouble: () => undefined });
    for (const { input, errors } of cases.filter(({ input }) => !input.includes("created_at"))) {
      const [first] = errors;
      const recorded = here.record(parseExactly(input) as RecordInput, { failure: "spool" });
      if (first === undefined) {
        assert.equal((await recorded).state, "spooled", input.slice(0, 300));
      } else {
        await assert.rejects(recorded, (error: unknown) => {
          assert.ok(error instanceof AuditrailError);
          assert.equal(error.code, first.code, input.slice(0, 300));
          assert.deepEqual(error.errors.map(({ pointer, code }) => ({ pointer, code })), errors);
          return true;
        });
      }
    }
  });
});

describe("record()", () => {
  it("rejects what the service cannot take, before it is spooled", async () => {
    const spoolDir = temporary();
    const here = await spooling(undefined, { spoolDir, onRefused: () => undefined });
    const nested = (levels: number): object => Array.from({ length: levels }).reduce((inner: object) => ({ a: inner }), {});
    const wrong: readonly (readonly [string, unknown])[] = [
      ["unstorable_text", sample("a", { metadata: { name: "Family dinner 👨‍👩‍👧 at 8".slice(0, 15) } })],
      ["unstorable_text", sample("a", { target_id: "\udc00" })],
      ["unstorable_text", sample("a", { metadata: { list: [{ text: "a\0b" }] } })],
      ["unstorable_text", sample("a", { metadata: { "\ud800": 1 } })],
      ["too_long", sample("a", { user_agent: "x".repeat(2_000) })],
      ["control_character", sample("a", { user_agent: "a\nb" })],
      ["wrong_type", { ...sample("a"), actor_id: 42 }],
      ["wrong_type", { ...sample("a"), metadata: [1] }],
      ["wrong_type", { ...sample("a"), action: 5 }],
      ["wrong_type", undefined],
      ["wrong_type", null],
      ["wrong_type", "text"],
      ["wrong_type", [sample("a")]],
      ["required", {}],
      ["too_deep", { ...sample("a"), metadata: nested(40) }],
      ["too_deep", { ...sample("a"), metadata: nested(10_000) }],
      ["too_large", sample("a", { metadata: { text: "é".repeat(40_000) } })],
      ["too_large", { ...sample("a"), metadata: { list: Array<number>(300).fill(1e300) } }],
      ["number_out_of_range", sample("a", { metadata: { ratio: Number.NaN } })],
      ["number_out_of_range", sample("a", { metadata: { ratio: [Number.NEGATIVE_INFINITY] } })],
      ["number_out_of_range", { ...sample("a"), metadata: { id: 10n ** 1_000n } }],
      ["wrong_type", { ...sample("a"), actor_id: 1n }],
      ["wrong_type", { ...sample("a"), tenant_id: Number.NaN }],
      ["wrong_type", { ...sample("a"), tenant_id: () => "t1" }],
      ["wrong_type", { ...sample("a"), metadata: Symbol("m") }],
      ["wrong_type", { ...sample("a"), metadata: { toJSON: () => undefined } }],
      ["bad_format", { ...sample("a"), created_at: new Date(Number.NaN) }],
      ["too_deep", { ...sample("a"), metadata: nested(7_000) }],
      ["not_json", { ...sample("a"), metadata: { get broken(): never { throw new Error("no"); } } }],
      ["bad_format", sample("a", { ip_address: "fe80::1%eth0" })],
      ["bad_format", sample("a", { action: "created" as "a.b" })],
      ["unknown_field", { ...sample("a"), foo: 1 }],
      ["unknown_field", { ...sample("a"), recorded_by: "key:1" }],
      ["unknown_value", { ...sample("a"), outcome: "done" }],
      ["system_actor_id", sample("cron", { actor_type: "system" })],
      ["in_future", sample("a", { created_at: new Date(Date.now() + 400_000).toISOString() })],
      ["reserved_action", sample("a", { action: "audit_log.exported" })],
    ];
    for (const failure of ["must", "spool"] as const) {
      for (const [code, input] of wrong) {
        await assert.rejects(here.record(input as RecordInput, { failure }), { code }, `${code} ${failure}`);
      }
    }
    for (const [, input] of wrong) {
      assert.equal((await here.record(input as RecordInput, { failure: "best_effort" })).state, "dropped");
    }
    const { refused, accepted, spooled, pending } = here.stats();
    assert.deepEqual([refused, accepted, spooled, pending], [wrong.length * 3, wrong.length * 3, 0, 0]);
    assert.ok(!contents(spoolDir).includes('"crc"'));
  });

  it("reports all errors at once", async () => {
    const here = await Recorder.open({ client: client("http://127.0.0.1:9"), ...QUICK });
    await assert.rejects(here.record({ ...sample(""), target_type: "", foo: 1 } as RecordInput), (error: unknown) => {
      assert.ok(error instanceof AuditrailError);
      assert.deepEqual(error.errors.map(({ pointer }) => pointer), ["/actor_id", "/target_type", "/foo"]);
      assert.match(error.message, /\/actor_id: must not be empty/);
      return true;
    });
    await here.close({ deadlineMs: 0 });
  });

  it("vouches for odd records that the service takes", async () => {
    const actor = unique();
    const here = await spooling(undefined);
    const inputs: RecordInput[] = [
      sample(actor, { metadata: { emoji: "👨‍👩‍👧", line: "a\nb", tiny: 5e-324, huge: 1.7976931348623157e308, "": null } }),
      sample(actor, { user_agent: "", outcome: "denied", actor_name: "Ana 😀".repeat(30), target_name: "\u202etxt.exe" }),
      sample(actor, { metadata: null, created_at: null, id: null, outcome: null }),
      { ...sample(actor), metadata: { at: new Date(0) } } as unknown as RecordInput,
      { ...sample(actor), created_at: new Date(0) } as unknown as RecordInput,
    ];
    for (const input of inputs) {
      await here.record(input);
    }
    await here.flush();
    assert.deepEqual([(await stored(actor)).length, here.stats().refused], [inputs.length, 0]);
  });

  it("agrees with the service about every vector", async () => {
    const now = Date.parse(vectors.now);
    const inputs = vectors.cases.map(({ input }) => input).filter((input) => isExpressible(input));
    const records = inputs.map((input) => parseExactly(input));
    const response = await fetch(`${service.url}/v1/audit-logs/batch?on_invalid=skip`, {
      method: "POST",
      headers: { authorization: `Bearer ${service.key}`, "content-type": "application/json" },
      body: `[${inputs.join()}]`,
    });
    const { errors } = (await response.json()) as { errors: { index: number; code: string }[] };
    const codes = new Map(errors.map(({ index, code }) => [index, code]));
    for (const [index, record] of records.entries()) {
      const [mine] = recordErrors(record, Math.max(now, Date.now()));
      const theirs = codes.get(index);
      assert.equal(mine?.code ?? "valid", theirs === "id_conflict" ? "valid" : (theirs ?? "valid"), inputs[index]?.slice(0, 300));
    }
  });
});

describe("the time of a record", () => {
  it("has the range and the format of the service", () => {
    const now = Date.parse("2026-01-02T03:04:05Z");
    const cases: readonly (readonly [string, string | undefined])[] = [
      ["2026-01-02T03:09:05.000000999Z", undefined],
      ["2026-01-02T03:09:05.000001Z", "in_future"],
      ["2026-01-02T05:09:05+02:00", undefined],
      ["0001-01-01T00:00:00+00:01", "out_of_range"],
      ["9999-12-30T22:00:00Z", "in_future"],
      ["9999-12-30T22:00:00.5Z", "out_of_range"],
      ["9999-12-30T22:00:01Z", "bad_format"],
      ["+010000-01-01T00:00:00Z", "out_of_range"],
      ["2025-02-29T00:00:00Z", "bad_format"],
      ["2026-00-01T00:00:00Z", "bad_format"],
      ["2026-01-02T03:04:05.Z", "bad_format"],
      ["2026-01-02T03:04:05+26:00", "bad_format"],
      ["2026-01-02T03:04:05Z\n", "bad_format"],
    ];
    for (const [text, code] of cases) {
      assert.equal(checkTime(text, now)?.code, code, text);
    }
  });
});
