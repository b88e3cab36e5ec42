/** Keys of logs and witnesses: https://c2sp.org/signed-note. */
import { type Bytes, concat, same, sha256, unbase64, utf8 } from "./bytes.js";
import { InvalidProof, ensure } from "./invalid.js";

/** A key that signs the text of a note: a log. */
export const LOG = 1;
/** A key that signs a checkpoint with the time: a witness. */
export const WITNESS = 4;

/**
 * The y coordinates of the points of small order, with which a key accepts signatures that anybody can make; the last
 * two are other forms of the first two.
 */
const WEAK = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

/** A line of signatures of a note. */
export interface Signature {
  /** The name of the key. */
  readonly name: string;
  /** The id of the key, four bytes, and the signature. */
  readonly bytes: Bytes;
}

/** A verifier key. */
export class Key {
  private constructor(
    /** The name under which it signs. */
    readonly name: string,
    /** {@link LOG} or {@link WITNESS}. */
    readonly type: number,
    /** The 32 bytes of the public key. */
    readonly bytes: Bytes,
    private readonly id: Bytes,
  ) {}

  /** Reads `NAME+ID+KEY`. */
  static async parse(text: string): Promise<Key> {
    const match = /^([^\s+\p{Cc}]+)\+([0-9a-f]{8})\+(\S+)$/u.exec(text);
    ensure(match !== null, `${text.slice(0, 200)} is not a verifier key, which is NAME+ID+KEY`);
    const [, name = "", id = "", base64 = ""] = match;
    const typed = unbase64(base64, 33);
    const type = typed[0] ?? 0;
    ensure(type === LOG || type === WITNESS, `the key ${name} is of type ${type}; 1 and 4 are supported`);
    const hash = (await sha256(utf8(`${name}\n`), typed)).slice(0, 4);
    ensure(hex(hash) === id, `the id ${id} is not that of the key ${name}`);
    const bytes = typed.slice(1);
    const unsigned = concat(bytes.slice(0, 31), Uint8Array.of((bytes[31] ?? 0) & 0x7f));
    ensure(!WEAK.includes(hex(unsigned)), `the key ${name} is one for which anybody can sign`);
    return new Key(name, type, bytes, hash);
  }

  /**
   * Checks the signatures of this key: each must be one of the text. Returns the latest time that a cosignature states,
   * 0 for a log, and `undefined` if there is none.
   */
  async verify(text: string, signatures: readonly Signature[]): Promise<number | undefined> {
    let latest: number | undefined;
    for (const { name, bytes } of signatures) {
      if (name === this.name && same(bytes.slice(0, 4), this.id)) {
        const time = await this.verifyOne(text, bytes.slice(4));
        ensure(time !== undefined, `the signature by ${name} is not one of this checkpoint: one of them was changed`);
        latest = Math.max(latest ?? 0, time);
      }
    }
    return latest;
  }

  private async verifyOne(text: string, bytes: Bytes): Promise<number | undefined> {
    if (bytes.length !== (this.type === WITNESS ? 72 : 64)) {
      return undefined;
    }
    let [time, message, signature] = [0, text, bytes];
    if (this.type === WITNESS) {
      const stated = new DataView(bytes.buffer).getBigUint64(0);
      if (stated >= 2n ** 63n) {
        return undefined;
      }
      [time, message, signature] = [Number(stated), `cosignature/v1\ntime ${stated}\n${text}`, bytes.slice(8)];
    }
    return (await isSignature(this.bytes, utf8(message), signature)) ? time : undefined;
  }
}

async function isSignature(key: Bytes, message: Bytes, signature: Bytes): Promise<boolean> {
  try {
    const imported = await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
    return await crypto.subtle.verify({ name: "Ed25519" }, imported, signature, message);
  } catch (error) {
    if (error instanceof Error && error.name === "NotSupportedError") {
      throw new InvalidProof("this environment cannot verify Ed25519; Node 20 and current browsers can");
    }
    return false;
  }
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
