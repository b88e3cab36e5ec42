/** docs/pack-vectors.json, the packs that this package shares with the Rust code and the Python script. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";

import { InvalidProof, Policy, verifyPack } from "../src/verify.js";

interface Vectors {
  readonly policy: string;
  readonly packs: readonly { name: string; zip: string; valid: boolean }[];
}

const vectors = JSON.parse(readFileSync("../../docs/pack-vectors.json", "utf8")) as Vectors;

function pack(name: string): Uint8Array {
  const found = vectors.packs.find((candidate) => candidate.name === name);
  assert.ok(found !== undefined, name);
  return Buffer.from(found.zip, "base64");
}

/** Why a pack is not valid; `undefined` if it is. */
async function fault(bytes: Uint8Array): Promise<string | undefined> {
  try {
    await verifyPack(bytes, await Policy.parse(vectors.policy));
    return undefined;
  } catch (error) {
    assert.ok(error instanceof InvalidProof, String(error));
    return error.message;
  }
}

describe("packs", () => {
  it("are judged as the vectors do", async () => {
    for (const { name, zip, valid } of vectors.packs) {
      const found = await fault(Buffer.from(zip, "base64"));
      assert.equal(found === undefined, valid, `${name}: ${found ?? "accepted"}`);
    }
  });

  it("show what was verified", async () => {
    const policy = await Policy.parse(vectors.policy);
    const complete = await verifyPack(pack("records that left"), policy);
    const { records, left, complete: isComplete, fromSeq, toSeq } = complete.range;
    assert.deepEqual([records, left, isComplete, fromSeq, toSeq, complete.size], [4, 2, true, 250, 255, 300]);
    const withheld = await verifyPack(pack("withheld fields"), policy);
    assert.deepEqual(withheld.withheld, { actor_id: 6, metadata: 6 });
    assert.deepEqual(withheld.erased, {});
  });

  it("say what is wrong", async () => {
    for (const [name, part] of [
      ["value changed", /is not entry 254 of the log/],
      ["record removed", /seq 254 is missing/],
      ["hash of a subtree edited", /do not lead to the root/],
      ["signed by another key", /the signature by log.example\/audit is not one of this checkpoint/],
    ] as const) {
      assert.match((await fault(pack(name))) ?? "accepted", part, name);
    }
  });

  it("refuse a changed byte, or show the same", async () => {
    const policy = await Policy.parse(vectors.policy);
    const zip = pack("complete, of one record");
    const expected = await verifyPack(zip, policy);
    for (let place = 0; place < zip.length; place += 5) {
      const changed = Uint8Array.from(zip);
      changed[place] = (changed[place] ?? 0) ^ 16;
      try {
        assert.deepEqual(await verifyPack(changed, policy), expected, `byte ${place}`);
      } catch (error) {
        assert.ok(error instanceof InvalidProof, `byte ${place}: ${String(error)}`);
      }
    }
  });

  it("refuse a file that was cut short", async () => {
    const zip = pack("complete");
    for (let length = 0; length < zip.length; length += 97) {
      assert.match((await fault(zip.subarray(0, length))) ?? "accepted", /not a ZIP file, or was cut short/);
    }
  });
});
