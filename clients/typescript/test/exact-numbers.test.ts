/** Numbers of metadata are not altered when reading. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { parseExactly } from "../src/exact-json.js";
import type { AuditRecord } from "../src/index.js";
import { client, sample, service, unique } from "./support.js";

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
  it("returns exact numbers, or strings with their digits", async () => {
    const actor = unique();
    await post(
      actor,
      '{"guild":1234567890123456789,"e":1e400,"pi":3.14159265358979323846,"list":[-9007199254740993,0.1],"text":": 12345678901234567890","plan":7}',
    );
    const expected = {
      guild: "1234567890123456789",
      e: `1${"0".repeat(400)}`,
      pi: "3.14159265358979323846",
      list: ["-9007199254740993", 0.1],
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

  it("turns every other number into its digits", () => {
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
      assert.deepEqual(parseExactly(`[${text},{"n":${text}}]`), [text, { n: text }], text);
      assert.equal(parseExactly(`{"a":"${text}"}`) instanceof Object, true);
    }
    const quoted = '{"a\\\\":"\\":1234567890123456789","b":1e400}';
    assert.deepEqual(parseExactly(quoted), { "a\\": '":1234567890123456789', b: "1e400" });
  });
});
