/** Policies, which keys are trusted: https://c2sp.org/tlog-policy. */
import { decimal, same } from "./bytes.js";
import { ensure } from "./invalid.js";
import { Key, LOG, WITNESS } from "./key.js";
import { type Checkpoint, parseCheckpoint } from "./note.js";

const POLICY_MAX = 1024 * 1024;

/** A cosignature by a witness of a policy. */
export interface Cosignature {
  /** The name of the witness in the policy. */
  readonly witness: string;
  /** When it was made, by the witness's clock, in seconds since 1970. */
  readonly time: number;
}

/** A checkpoint that a policy trusts, and the cosignatures that it has. */
export interface Accepted {
  readonly checkpoint: Checkpoint;
  readonly cosignatures: readonly Cosignature[];
}

interface Group {
  readonly threshold: number;
  readonly members: readonly string[];
}

/** The logs and witnesses that are trusted, and how many cosignatures a checkpoint needs. */
export class Policy {
  private readonly logs: Key[] = [];
  private readonly members = new Map<string, Key | Group>();
  private readonly grouped = new Set<string>();
  private quorum: string | undefined;

  private constructor() {}

  /** Reads the text of a policy. */
  static async parse(text: string): Promise<Policy> {
    ensure(text.length <= POLICY_MAX, `the policy is longer than ${POLICY_MAX} characters`);
    const policy = new Policy();
    for (const [index, line] of text.split("\n").entries()) {
      const items = line.split(/[ \t]+/).filter((item) => item !== "");
      if (items[0] !== undefined && !items[0].startsWith("#")) {
        ensure(await policy.read(items), `line ${index + 1} of the policy is not valid`);
      }
    }
    ensure(policy.quorum !== undefined, "the policy has no quorum; `quorum none` asks for no cosignature");
    return policy;
  }

  /** Whether a line is valid. */
  private async read([word, ...items]: readonly string[]): Promise<boolean> {
    const [first = "", second = "", ...others] = items;
    switch (word) {
      case "log": {
        const key = await Key.parse(first);
        const isNew = this.logs.every((other) => !same(other.bytes, key.bytes));
        this.logs.push(key);
        return items.length <= 2 && key.type === LOG && isNew;
      }
      case "witness": {
        const key = await Key.parse(second);
        const keys = [...this.members.values()].filter((member) => member instanceof Key);
        const isNew = keys.every((other) => !same(other.bytes, key.bytes));
        return others.length <= 1 && key.type === WITNESS && isNew && this.define(first, key);
      }
      case "group": {
        const words: Readonly<Record<string, number>> = { any: 1, all: others.length };
        const threshold = words[second] ?? decimal(second);
        const areNew = others.every((name) => this.members.has(name) && !this.grouped.has(name));
        others.forEach((name) => this.grouped.add(name));
        const isDistinct = new Set(others).size === others.length;
        const isThreshold = threshold >= 1 && threshold <= others.length;
        return areNew && isDistinct && isThreshold && this.define(first, { threshold, members: others });
      }
      case "quorum": {
        const isFirst = this.quorum === undefined;
        this.quorum = first;
        return isFirst && items.length === 1 && (first === "none" || this.members.has(first));
      }
      default:
        return false;
    }
  }

  private define(name: string, member: Key | Group): boolean {
    const isNew = name !== "" && name !== "none" && !this.members.has(name);
    this.members.set(name, member);
    return isNew;
  }

  /** Checks that a note is a checkpoint of one of the logs that the quorum has cosigned. */
  async accept(note: string): Promise<Accepted> {
    const checkpoint = parseCheckpoint(note);
    const { text, origin, size, signatures } = checkpoint;
    const logs = this.logs.filter((key) => key.name === origin);
    ensure(logs.length > 0, `the policy has no log with the origin ${origin}`);
    const times = await Promise.all(logs.map((key) => key.verify(text, signatures)));
    ensure(times.some((time) => time !== undefined), `the checkpoint has no signature by ${origin}`);
    const witnessed = new Set<string>();
    const cosignatures: Cosignature[] = [];
    for (const [name, member] of this.members) {
      if (member instanceof Key) {
        const time = await member.verify(text, signatures);
        if (time !== undefined) {
          cosignatures.push({ witness: name, time });
          witnessed.add(name);
        }
      } else if (member.members.filter((other) => witnessed.has(other)).length >= member.threshold) {
        witnessed.add(name);
      }
    }
    const quorum = this.quorum ?? "";
    ensure(
      quorum === "none" || witnessed.has(quorum),
      `${cosignatures.length} cosignatures of the checkpoint of size ${size} do not reach the quorum ${quorum}`,
    );
    return { checkpoint, cosignatures };
  }
}
