/**
 * Verifies proofs of records, without the network and without trust in the service that made them. It shares no code
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
import { type Cosignature, Policy } from "./verify/policy.js";
import { entryOf, FIELDS, type FieldName, parseDocument } from "./verify/record.js";
import { leafHash, parseTlogProof, rootOf } from "./verify/tree.js";

export { InvalidProof, Policy };
export type { Cosignature, FieldName };

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
