/** Packs of records: docs/evidence-pack.md. */
import { type Bytes, same, sha256, unbase64, utf8 } from "./bytes.js";
import { ensure, InvalidProof } from "./invalid.js";
import { entryOf, FIELDS, type FieldName, fieldsOf, members, parsedOnce, string } from "./record.js";
import { leafHash } from "./tree.js";

/** The names of the files of a pack. */
export const PACK_FILES = [
  "policy",
  "checkpoint",
  "auditrail_verify.py",
  "records.ndjson",
  "hashes",
  "range.json",
  "README.md",
] as const;

/** The longest line of `records.ndjson`, in bytes. */
const LINE_MAX = 1024 * 1024;
/** Lines that are hashed at once. */
const BATCH = 64;

/** What a pack claims to have. */
export interface PackRange {
  /** The first seq. */
  readonly fromSeq: number;
  /** The last seq. */
  readonly toSeq: number;
  /** The filters, as the pack says; a value is null if it was withheld. */
  readonly filters: readonly (readonly [string, string | null])[];
  /** Whether the pack has every record of the range. */
  readonly complete: boolean;
  /** The number of records. */
  readonly records: number;
  /** The number of records that had left. */
  readonly left: number;
}

/** The numbers of records of which a field is withheld or erased. */
export type FieldCounts = Partial<Record<FieldName, number>>;

/** Reads `range.json`. */
export function parseRange(text: string): PackRange {
  const names = ["version", "from_seq", "to_seq", "filters", "complete", "records", "left"];
  const document = members(parsedOnce(text), names);
  ensure(document["version"] === "auditrail/pack/v1", "the pack is of another version than auditrail/pack/v1");
  const [fromSeq, toSeq, records, left] = ["from_seq", "to_seq", "records", "left"].map((name) =>
    seqOf(document[name], name),
  ) as [number, number, number, number];
  ensure(fromSeq <= toSeq, `range.json declares the seqs ${fromSeq} to ${toSeq}`);
  const { filters, complete } = document;
  ensure(Array.isArray(filters) && filters.every(isFilter), "`filters` is not a list of names and values");
  ensure(complete === (filters.length === 0), "a pack is complete without filters alone");
  return { fromSeq, toSeq, filters, complete, records, left };
}

function isFilter(filter: unknown): filter is [string, string | null] {
  return Array.isArray(filter) && filter.length === 2 && typeof filter[0] === "string"
    && (filter[1] === null || typeof filter[1] === "string");
}

function seqOf(value: unknown, name: string): number {
  ensure(typeof value === "number" && Number.isSafeInteger(value) && value >= 0, `\`${name}\` is not a number`);
  return value;
}

interface Line {
  readonly seq: number;
  readonly name: string;
  readonly isLeft: boolean;
  readonly leaf: Bytes;
  readonly withheld: readonly FieldName[];
  readonly erased: readonly FieldName[];
}

/** Reads a line of `records.ndjson`, and computes its leaf. */
async function parseLine(text: string): Promise<Line> {
  const parsed = parsedOnce(text);
  if (typeof parsed === "object" && parsed !== null && "left" in parsed) {
    const document = members(parsed, ["seq", "left"]);
    const seq = seqOf(document["seq"], "seq");
    const entry = unbase64(string(document["left"], "left"));
    const isEntry = starts(entry, "auditrail/entry/v1\n", 75) || starts(entry, "auditrail/absent/v1\n", 36);
    ensure(isEntry, `\`left\` of seq ${seq} is not an entry`);
    return { seq, name: "the record", isLeft: true, leaf: await leafHash(entry), withheld: [], erased: [] };
  }
  const document = members(parsed, ["seq", "id", "created_at", "fields"]);
  const seq = seqOf(document["seq"], "seq");
  const record = fieldsOf(document);
  const of = (kind: string): FieldName[] => FIELDS.filter((name) => record.fields.get(name)?.kind === kind);
  const leaf = await leafHash(await entryOf(record));
  return { seq, name: `record ${record.id}`, isLeft: false, leaf, withheld: of("withheld"), erased: of("erased") };
}

function starts(bytes: Bytes, text: string, length: number): boolean {
  return bytes.length === length && same(bytes.subarray(0, text.length), utf8(text));
}

/** The lines of a file, each with its leaf. */
async function* linesOf(bytes: Bytes): AsyncGenerator<Line> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let [place, number] = [0, 0];
  while (place < bytes.length) {
    const texts: string[] = [];
    while (place < bytes.length && texts.length < BATCH) {
      number += 1;
      const end = bytes.indexOf(10, place);
      ensure(end >= 0, `line ${number} of records.ndjson does not end: the file was cut short`);
      ensure(end - place <= LINE_MAX, `line ${number} of records.ndjson is longer than ${LINE_MAX} bytes`);
      try {
        texts.push(decoder.decode(bytes.subarray(place, end)));
      } catch {
        throw new InvalidProof(`line ${number} of records.ndjson is not UTF-8`);
      }
      place = end + 1;
    }
    // Each is settled, so that the first line that is not valid is the one that is reported.
    for (const result of await Promise.allSettled(texts.map(parseLine))) {
      if (result.status === "rejected") {
        throw result.reason;
      }
      yield result.value;
    }
  }
}

/** The tree up to a leaf: the hashes of the fewest perfect subtrees. */
class Tree {
  private end = 0;
  private readonly nodes: Bytes[] = [];
  private place = 0;

  constructor(private readonly hashes: Bytes) {}

  /** The next hash of the pack. */
  next(seq: number): Bytes {
    ensure(this.place + 32 <= this.hashes.length, `\`hashes\` ends before the hashes up to seq ${seq}`);
    this.place += 32;
    return this.hashes.subarray(this.place - 32, this.place);
  }

  /** Adds the leaves up to before `end` by the hashes of the pack. */
  async extend(end: number): Promise<void> {
    while (this.end < end) {
      let width = 1;
      while (this.end % (width * 2) === 0 && this.end + width * 2 <= end) {
        width *= 2;
      }
      await this.add(width, this.next(end));
    }
  }

  /** Adds a perfect subtree. While it is a right child, its sibling is the last one, and both become their parent. */
  async add(width: number, hash: Bytes): Promise<void> {
    let node = hash;
    let index = this.end / width;
    this.end += width;
    for (; index % 2 === 1; index = (index - 1) / 2) {
      node = await sha256(Uint8Array.of(1), this.nodes.pop() ?? new Uint8Array(), node);
    }
    this.nodes.push(node);
  }

  /** The root, once all hashes were used. */
  async root(): Promise<Bytes> {
    ensure(this.place === this.hashes.length, "`hashes` has more hashes than the records need");
    let root: Bytes | undefined;
    for (const node of this.nodes.toReversed()) {
      root = root === undefined ? node : await sha256(Uint8Array.of(1), node, root);
    }
    return root ?? sha256();
  }
}

/** Verifies the records of a pack under a root. */
export async function verifyRecords(
  range: PackRange,
  records: Bytes,
  hashes: Bytes,
  checkpoint: { readonly size: number; readonly root: Bytes },
): Promise<{ readonly withheld: FieldCounts; readonly erased: FieldCounts }> {
  const { fromSeq, toSeq, complete } = range;
  const { size, root } = checkpoint;
  ensure(toSeq < size, `the pack declares records up to seq ${toSeq}, but its checkpoint has size ${size}`);
  const tree = new Tree(hashes);
  const counts = { records: 0, left: 0 };
  const [withheld, erased]: [FieldCounts, FieldCounts] = [{}, {}];
  let before = fromSeq - 1;
  for await (const line of linesOf(records)) {
    const { seq, name, isLeft, leaf } = line;
    ensure(seq > before && seq <= toSeq, `seq ${seq} follows ${before}, in a range up to ${toSeq}`);
    ensure(!complete || seq === before + 1, `seq ${before + 1} is missing: a record was removed`);
    ensure(complete || !isLeft, `seq ${seq} is one that left, but the pack has filters`);
    await tree.extend(seq);
    const shown = `${name} is not entry ${seq} of the log as the pack shows it: it was changed, or a record before it`;
    ensure(same(tree.next(seq), leaf), shown);
    await tree.add(1, leaf);
    before = seq;
    counts[isLeft ? "left" : "records"] += 1;
    line.withheld.forEach((field) => (withheld[field] = (withheld[field] ?? 0) + 1));
    line.erased.forEach((field) => (erased[field] = (erased[field] ?? 0) + 1));
  }
  ensure(!complete || before === toSeq, `seq ${before + 1} is missing: a record was removed`);
  const isCounted = counts.records === range.records && counts.left === range.left;
  ensure(isCounted, `the pack has ${counts.records} records and ${counts.left} that left, and declares other numbers`);
  await tree.extend(size);
  ensure(same(await tree.root(), root), `the records do not lead to the root of the checkpoint of size ${size}`);
  return { withheld, erased };
}
