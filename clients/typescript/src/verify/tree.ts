/** The tree of a log: RFC 6962. */
import { type Bytes, decimal, sha256, unbase64 } from "./bytes.js";
import { ensure } from "./invalid.js";

/** The longest inclusion proof. */
const PROOF_MAX = 63;

/** An inclusion proof with its checkpoint: https://c2sp.org/tlog-proof. */
export interface TlogProof {
  readonly index: number;
  readonly hashes: readonly Bytes[];
  /** The signed note of the checkpoint. */
  readonly note: string;
}

/** Reads the text of a proof. */
export function parseTlogProof(text: string): TlogProof {
  const end = text.indexOf("\n\n");
  ensure(end >= 0, "`tlog_proof` has no checkpoint");
  const [header, ...lines] = text.slice(0, end).split("\n");
  ensure(header === "c2sp.org/tlog-proof@v1", "`tlog_proof` is of another version");
  if (lines[0]?.startsWith("extra ") === true) {
    unbase64(lines[0].slice(6));
    lines.shift();
  }
  const [index = "", ...hashes] = lines;
  ensure(index.startsWith("index "), "`tlog_proof` has no index");
  ensure(hashes.length <= PROOF_MAX, `\`tlog_proof\` has more than ${PROOF_MAX} hashes`);
  const decoded = hashes.map((hash) => unbase64(hash, 32));
  return { index: decimal(index.slice(6)), hashes: decoded, note: text.slice(end + 2) };
}

/** The hash of a leaf. */
export function leafHash(entry: Bytes): Promise<Bytes> {
  return sha256(Uint8Array.of(0), entry);
}

/** The root to which an inclusion proof leads from a leaf. */
export async function rootOf(leaf: Bytes, index: number, size: number, hashes: readonly Bytes[]): Promise<Bytes> {
  ensure(index < size, `index ${index} is not in a tree of size ${size}`);
  const sibling = hashes.at(-1);
  if (size === 1) {
    ensure(sibling === undefined, "the inclusion proof is too long");
    return leaf;
  }
  ensure(sibling !== undefined, "the inclusion proof is too short");
  let half = 1;
  while (half * 2 < size) {
    half *= 2;
  }
  const rest = hashes.slice(0, -1);
  return index < half
    ? sha256(Uint8Array.of(1), await rootOf(leaf, index, half, rest), sibling)
    : sha256(Uint8Array.of(1), sibling, await rootOf(leaf, index - half, size - half, rest));
}
