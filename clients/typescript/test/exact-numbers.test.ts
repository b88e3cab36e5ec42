/** Numbers of metadata are not altered when reading. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inspect } from "node:util";

import { parseExactly } from "../src/exact-json.js";
import { type AuditRecord, ExactNumber, type JsonInput } from "../src/index.js";
import { encodeRecord } from "../src/record/encode.js";
import { recorder } from "./recorder-fixtures.js";
import { client, sample, service, stored, unique } from "./support.js";

/** Creates a record whose metadata is given as JSON text. */
async function post(actor: string, metadata: string): Promise<void> {
  const text = JSON.stringify({ ...sample(actor), metadata: {} }).replace('"metadata":{}', `"metadata":${metadata}`);
  const response = await fetch(`${service.url}/v1/audit-logs`, {
    method: "POST",
    headers: { authorization: `Bearer ${service.key}`, "content-type": "application/json" },
    body: text,
  });
  assert.equal(response.status, 201, await response.text());
}

describe("reading", () => {
  it("returns exact numbers", async () => {
    const actor = unique();
    await post(
      actor,
      '{"guild":1234567890123456789,"e":1e400,"pi":3.14159265358979323846,"list":[-9007199254740993,0.1],"text":": 12345678901234567890","plan":7}',
    );
    const expected = {
      guild: new ExactNumber("1234567890123456789"),
      e: new ExactNumber(`1${"0".repeat(400)}`),
      pi: new ExactNumber("3.14159265358979323846"),
      list: [new ExactNumber("-9007199254740993"), 0.1],
      text: ": 12345678901234567890",
      plan: 7,
    };
    const read: (AuditRecord | undefined)[] = [];
    for await (const record of client().records({ actor_id: actor })) {
      read.push(record, await client().get(record.id));
    }
    for await (const record of client().exportRecords({ actor_id: actor })) {
      read.push(record);
    }
    assert.deepEqual(read.map((record) => record?.metadata), [expected, expected, expected]);
  });

  it("keeps every number that is exact", () => {
    const texts = [
      "9007199254740992",
      "123456789012345680000",
      "1e22",
      "1.7976931348623157e308",
      "5e-324",
      "0.30000000000000004",
      "1.10000000000000000000",
      "-0.000000000000000000000",
      "1000000000000000000000000",
      "12345678901234.5",
    ];
    for (const text of texts) {
      assert.deepEqual(parseExactly(`{"n": ${text} }`), { n: Number(text) }, text);
    }
  });

  it("turns every other number into an exact number", () => {
    const texts = [
      "9007199254740993",
      "1234567890123456789",
      "-1234567890123456789",
      "0.12345678901234567890",
      "1e400",
      "-1E+400",
      "1e-400",
      "123456789012345678901234567890e-10",
      "1.7976931348623159e308",
    ];
    for (const text of texts) {
      const exact = new ExactNumber(text);
      assert.deepEqual(parseExactly(`[${text},{"n":${text}}]`), [exact, { n: exact }], text);
      assert.deepEqual(parseExactly(text), exact);
      assert.equal(parseExactly(`{"a":"${text}"}`) instanceof Object, true);
    }
    const quoted = '{"a\\\\":"\\":1234567890123456789","b":1e400}';
    assert.deepEqual(parseExactly(quoted), { "a\\": '":1234567890123456789', b: new ExactNumber("1e400") });
  });
});

/** Numbers that a JavaScript number cannot express, and some that it can. */
const NUMBERS = '{"a":1234567890123456789,"b":[1e400,{"c":0.1000000000000000055}],"d":-0,"e":-9007199254740993,"f":0.1,"g":-1e-400,"h":12.50,"__proto__":1e22}';

describe("writing", () => {
  it("stores BigInts and exact numbers as numbers", async () => {
    const [first, second] = [unique(), unique()];
    const metadata = { id: 1234567890123456789n, list: [-5n, new ExactNumber("1e400"), { pi: new ExactNumber("3.14159265358979323846") }] };
    await client().create(sample(first, { metadata }));
    const here = await recorder(undefined);
    await here.record(sample(second, { metadata }), { failure: "must" });
    for (const actor of [first, second]) {
      const [record] = await stored(actor);
      const big = `1${"0".repeat(400)}`;
      assert.deepEqual(record?.metadata, { id: new ExactNumber("1234567890123456789"), list: [-5, new ExactNumber(big), { pi: new ExactNumber("3.14159265358979323846") }] });
    }
  });

  it("writes an exported record again unchanged", async () => {
    const actor = unique();
    await post(actor, NUMBERS);
    for await (const record of client().exportRecords({ actor_id: actor })) {
      const { recorded_by, ...input } = record;
      assert.ok(recorded_by);
      // The service compares all fields with those of the stored record.
      assert.equal((await client().create(input)).created, false);
      const copy = { ...input, id: null, actor_id: `${actor}-copy` };
      await client().createBatch([copy]);
    }
    const [copy] = await stored(`${actor}-copy`);
    const [original] = await stored(actor);
    assert.deepEqual(copy?.metadata, original?.metadata);
    assert.equal(encodeRecord({ metadata: copy?.metadata }), encodeRecord({ metadata: original?.metadata }));
  });

  it("encodes every number of JSON as it was", () => {
    const values = ["1234567890123456789", "-1e400", "0.1000000000000000055", "1E+400", "1e-400", "9007199254740993.5"];
    for (const text of values) {
      const read = parseExactly(`{"n":[null,{"m":${text}}]}`);
      assert.equal(encodeRecord({ metadata: read }), `{"metadata":{"n":[null,{"m":${text}}]}}`);
    }
    const tricky: JsonInput = { text: String(new ExactNumber("1e400")), nested: { toJSON: "x" } };
    assert.equal(encodeRecord({ metadata: tricky }), '{"metadata":{"text":"1e400","nested":{"toJSON":"x"}}}');
  });

  it("refuses numbers that the service refuses", async () => {
    const here = await recorder(undefined, { onRefused: () => undefined });
    for (const n of [10n ** 1_000n, new ExactNumber("1e1000"), new ExactNumber("-1e-1001")]) {
      await assert.rejects(here.record(sample("a", { metadata: { n } })), { code: "number_out_of_range" });
      await assert.rejects(client().create(sample("a", { metadata: { n } })), { status: 422 });
    }
  });
});

describe("an exact number", () => {
  it("shows its digits", () => {
    const number = new ExactNumber("1234567890123456789");
    assert.equal(String(number), "1234567890123456789");
    assert.equal(inspect({ number }), "{ number: 1234567890123456789 }");
    assert.equal(BigInt(String(number)), 1234567890123456789n);
    assert.match(JSON.stringify({ number }), /^\{"number":"?1234567890123456789"?\}$/);
  });

  it("is made from a number of JSON only", () => {
    for (const text of ["", "01", "1.", ".5", "+1", "NaN", "Infinity", "1e", "0x10", "1,2", '1"', " 1", "1\n"]) {
      assert.throws(() => new ExactNumber(text), { code: "invalid_option" }, text);
    }
  });
});
