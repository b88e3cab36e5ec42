/** docs/evidence-vectors.json, the test vectors that this package shares with the Rust code and the Python script. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";

import { InvalidProof, Policy, verifyProof } from "../src/verify.js";
import { utf8 } from "../src/verify/bytes.js";
import { entryOf, FIELDS, parseDocument } from "../src/verify/record.js";
import { leafHash } from "../src/verify/tree.js";

interface Vectors {
  readonly records: readonly {
    name: string;
    id: string;
    created_at: string;
    values: Record<string, string | null>;
    salts: Record<string, string>;
    commitments: Record<string, string>;
    entry: string;
    leaf_hash: string;
  }[];
  readonly proofs: readonly { name: string; policy: string; document: string; valid: boolean }[];
}

const { records, proofs } = JSON.parse(readFileSync("../../docs/evidence-vectors.json", "utf8")) as Vectors;

/** Why a proof is not valid; `undefined` if it is. */
async function fault(policy: string, document: string): Promise<string | undefined> {
  try {
    await verifyProof(document, await Policy.parse(policy));
    return undefined;
  } catch (error) {
    assert.ok(error instanceof InvalidProof, String(error));
    return error.message;
  }
}

function proof(name: string): { policy: string; document: string } {
  const found = proofs.find((candidate) => candidate.name === name);
  assert.ok(found !== undefined, name);
  return found;
}

describe("evidence", () => {
  it("has the entries of the vectors", async () => {
    assert.equal(records.length, 8);
    for (const { name, id, created_at, values, salts, commitments, entry, leaf_hash } of records) {
      const document = (fields: object): string =>
        JSON.stringify({ version: "auditrail/proof/v1", id, created_at, fields, tlog_proof: "" });
      const shown = Object.fromEntries(FIELDS.map((field) => [field, { value: values[field], salt: salts[field] }]));
      const hidden = Object.fromEntries(FIELDS.map((field) => [field, { erased: commitments[field] }]));
      for (const fields of [shown, hidden]) {
        const bytes = await entryOf(parseDocument(document(fields)));
        assert.equal(Buffer.from(bytes).toString("hex"), entry, name);
        assert.equal(Buffer.from(await leafHash(bytes)).toString("base64"), leaf_hash, name);
      }
    }
  });

  it("judges proofs as the vectors do", async () => {
    for (const { name, policy, document, valid } of proofs) {
      const found = await fault(policy, document);
      assert.equal(found === undefined, valid, `${name}: ${found ?? "accepted"}`);
    }
  });

  it("shows what was verified", async () => {
    const { policy, document } = proof("erased fields");
    const record = await verifyProof(document, await Policy.parse(policy));
    assert.equal(record.seq, 300);
    assert.equal(record.shown.action, "api_key.created");
    assert.deepEqual(record.erased, ["actor_id", "metadata", "actor_name"]);
    assert.deepEqual(record.withheld, []);
    assert.deepEqual(record.cosignatures.map(({ witness }) => witness), ["w0", "w2"]);
    assert.deepEqual([record.origin, record.size], ["log.example/audit", 308]);
  });

  it("says what is wrong", async () => {
    for (const [name, part] of [
      ["value changed", /is not entry 300 of the log as the proof shows it/],
      ["inclusion proof too short", /the inclusion proof is too short/],
      ["too few cosignatures", /1 cosignatures of the checkpoint of size 308 do not reach the quorum two/],
      ["root changed after signing", /the signature by log.example\/audit is not one of this checkpoint/],
      ["checkpoint of another log", /the policy has no log with the origin log.example\/other/],
      ["field missing", /`outcome` is missing/],
      ["field twice", /`actor_id` occurs twice/],
      ["policy without a quorum", /the policy has no quorum/],
      ["policy with a key for which anybody can sign", /anybody can sign/],
    ] as const) {
      const { policy, document } = proof(name);
      assert.match((await fault(policy, document)) ?? "accepted", part, name);
    }
  });

  it("refuses every change of a byte, or shows the same", async () => {
    const { policy, document } = proof("record: every field has a value");
    const trusted = await Policy.parse(policy);
    const expected = await verifyProof(document, trusted);
    const bytes = utf8(document);
    for (let place = 0; place < bytes.length; place += 7) {
      const changed = Uint8Array.from(bytes);
      changed[place] = (changed[place] ?? 0) ^ 1;
      const text = new TextDecoder().decode(changed);
      try {
        assert.deepEqual(await verifyProof(text, trusted), expected, `byte ${place}`);
      } catch (error) {
        assert.ok(error instanceof InvalidProof, `byte ${place}: ${String(error)}`);
      }
    }
  });

  it("refuses what is too long or too deep", async () => {
    const { policy, document } = proof("record: every field has a value");
    assert.match((await fault(policy, `${document}${" ".repeat(5_000_000)}`)) ?? "", /longer than/);
    assert.match((await fault(policy, "[".repeat(1_000_000))) ?? "", /not JSON/);
    assert.match((await fault(`${policy}${"#".repeat(2_000_000)}`, document)) ?? "", /longer than/);
  });
});
