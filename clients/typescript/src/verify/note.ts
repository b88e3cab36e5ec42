/** Checkpoints as signed notes: https://c2sp.org/tlog-checkpoint. */
import { type Bytes, decimal, unbase64 } from "./bytes.js";
import { ensure } from "./invalid.js";
import type { Signature } from "./key.js";

const SIGNATURES_MAX = 100;

/** A checkpoint with its signatures, of which none was verified. */
export interface Checkpoint {
  /** What is signed. */
  readonly text: string;
  /** The log. */
  readonly origin: string;
  /** The number of entries. */
  readonly size: number;
  /** The root of the tree. */
  readonly root: Bytes;
  /** The signatures, also those of unknown keys. */
  readonly signatures: readonly Signature[];
}

/** Reads a signed note that is a checkpoint. */
export function parseCheckpoint(note: string): Checkpoint {
  const end = note.lastIndexOf("\n\n");
  ensure(end >= 0 && note.endsWith("\n"), "the checkpoint has no signatures");
  // eslint-disable-next-line no-control-regex -- they are what it looks for
  ensure(!/[\0-\x09\x0b-\x1f]/.test(note), "the checkpoint has control characters");
  const text = note.slice(0, end + 1);
  const lines = note.slice(end + 2, -1).split("\n");
  ensure(lines.length <= SIGNATURES_MAX, `the checkpoint has more than ${SIGNATURES_MAX} signatures`);
  const [origin = "", size = "", root = "", ...extensions] = text.slice(0, -1).split("\n");
  ensure(origin !== "" && !extensions.includes(""), "a checkpoint has an origin, a size and a root");
  const signatures = lines.map(parseSignature);
  return { text, origin, size: decimal(size), root: unbase64(root, 32), signatures };
}

function parseSignature(line: string): Signature {
  const match = /^\u2014 ([^\s+]+) (\S+)$/u.exec(line);
  ensure(match !== null, "a line of the checkpoint is not a signature");
  const [, name = "", base64 = ""] = match;
  const bytes = unbase64(base64);
  ensure(bytes.length > 4, "a signature of the checkpoint is too short");
  return { name, bytes };
}
