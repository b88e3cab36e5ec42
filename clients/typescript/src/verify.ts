/**
 * Verifies proofs and packs of records, without the network and without trust in the service that made them. It shares no code
 * with the service, and runs in Node and in browsers.
 *
 * ```ts
 * import { Policy, verifyProof } from "@auditrail/client/verify";
 *
 * const policy = await Policy.parse(policyText); // from a source that you trust, not from the service
 * const record = await verifyProof(proofText, policy);
 * console.log(record.seq, record.shown.actor_id);
 * ```
 */
import { same } from "./verify/bytes.js";
import { InvalidProof } from "./verify/invalid.js";
import { type FieldCounts, PACK_FILES, type PackRange, parseRange, verifyRecords } from "./verify/pack.js";
import { type Cosignature, Policy } from "./verify/policy.js";
import { entryOf, FIELDS, type FieldName, parseDocument } from "./verify/record.js";
import { leafHash, parseTlogProof, rootOf } from "./verify/tree.js";
import { Zip } from "./verify/zip.js";

export { InvalidProof, Policy };
export type { Cosignature, FieldCounts, FieldName, PackRange };

/** The longest checkpoint and range, in bytes. */
const TEXT_MAX = 1024 * 1024;
/** The longest records and hashes of a ZIP file, in bytes: they are in memory. */
const RECORDS_MAX = 512 * 1024 * 1024;

/** A record of which a proof was verified. */
export interface VerifiedRecord {
  /** The id of the record. */
  readonly id: string;
  /** Its time: RFC 3339 in UTC with microseconds. */
  readonly createdAt: string;
  /** Its place in the order of the log, from 0. */
  readonly seq: number;
  /** The values that the proof shows, as the text that PostgreSQL prints; `metadata` is JSON. */
  readonly shown: Readonly<Partial<Record<FieldName, string | null>>>;
  /** The fields that the proof withholds. */
  readonly withheld: readonly FieldName[];
  /** The fields that were erased, says the log. */
  readonly erased: readonly FieldName[];
  /** The log. */
  readonly origin: string;
  /** The size of the tree that the proof leads to. */
  readonly size: number;
  /** The cosignatures of its checkpoint by witnesses of the policy. */
  readonly cosignatures: readonly Cosignature[];
}

/**
 * Verifies that a log that the policy trusts has the record, with what the proof shows of it.
 *
 * @param document The proof of a record, a JSON document.
 * @throws {@link InvalidProof} with the reason.
 */
export async function verifyProof(document: string, policy: Policy): Promise<VerifiedRecord> {
  const proof = parseDocument(document);
  const { index, hashes, note } = parseTlogProof(proof.tlogProof);
  const { checkpoint, cosignatures } = await policy.accept(note);
  const leaf = await leafHash(await entryOf(proof));
  const root = await rootOf(leaf, index, checkpoint.size, hashes);
  if (!same(root, checkpoint.root)) {
    throw new InvalidProof(`record ${proof.id} is not entry ${index} of the log as the proof shows it: it was changed`);
  }
  const shown: Partial<Record<FieldName, string | null>> = {};
  for (const [name, field] of proof.fields) {
    if (field.kind === "shown") {
      shown[name] = field.value;
    }
  }
  const of = (kind: string): FieldName[] => FIELDS.filter((name) => proof.fields.get(name)?.kind === kind);
  const { origin, size } = checkpoint;
  const { id, createdAt } = proof;
  return { id, createdAt, seq: index, shown, withheld: of("withheld"), erased: of("erased"), origin, size, cosignatures };
}

/** A pack that was verified. */
export interface VerifiedPack {
  /** What the pack has. The filters are only what it says. */
  readonly range: PackRange;
  /** The number of records that withhold a field, for each field that at least one withholds. */
  readonly withheld: Readonly<FieldCounts>;
  /** The number of records of which a field was erased, says the pack. */
  readonly erased: Readonly<FieldCounts>;
  /** The log. */
  readonly origin: string;
  /** The size of the tree of its checkpoint. */
  readonly size: number;
  /** The cosignatures of its checkpoint by witnesses of the policy. */
  readonly cosignatures: readonly Cosignature[];
}

/** The files of a pack that are verified, if it was unpacked. */
export interface PackFiles {
  readonly checkpoint: Uint8Array;
  readonly "range.json": Uint8Array;
  readonly "records.ndjson": Uint8Array;
  readonly hashes: Uint8Array;
}

/**
 * Verifies a pack of records: each record, that the log has them, and their range. The pack is in memory, and its records
 * have at most 512 MiB; `auditrail verify pack` verifies larger ones.
 *
 * @param pack The ZIP file, or its files.
 * @throws {@link InvalidProof} with the reason.
 */
export async function verifyPack(pack: Uint8Array | PackFiles, policy: Policy): Promise<VerifiedPack> {
  const zip = pack instanceof Uint8Array ? Zip.read(pack, PACK_FILES) : undefined;
  const content = async (name: keyof PackFiles, max?: number): Promise<Uint8Array<ArrayBuffer>> =>
    zip === undefined ? new Uint8Array((pack as PackFiles)[name]) : zip.content(name, max);
  const text = async (name: keyof PackFiles): Promise<string> => {
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(await content(name, TEXT_MAX));
    } catch (error) {
      throw error instanceof InvalidProof ? error : new InvalidProof(`${name} is not UTF-8`);
    }
  };
  const range = parseRange(await text("range.json"));
  const { checkpoint, cosignatures } = await policy.accept(await text("checkpoint"));
  const [records, hashes] = [await content("records.ndjson", RECORDS_MAX), await content("hashes", RECORDS_MAX)];
  const { withheld, erased } = await verifyRecords(range, records, hashes, checkpoint);
  const { origin, size } = checkpoint;
  return { range, withheld, erased, origin, size, cosignatures };
}
