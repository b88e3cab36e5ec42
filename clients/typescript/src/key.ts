/** The API key: where it comes from, and that it shows nowhere. */
import { readFileSync } from "node:fs";
import { inspect } from "node:util";

import { AuditrailError, reason } from "./errors.js";

/** Where the key is. Without any, `AUDITRAIL_KEY`, then the file that `AUDITRAIL_KEY_FILE` names. */
export interface KeyOptions {
  /** The key itself. */
  readonly key?: string | undefined;
  /** A file that holds the key and nothing else, such as a mounted secret. */
  readonly keyFile?: string | undefined;
}

const HIDDEN = "[key]";

/**
 * A key that cannot be printed by accident.
 *
 * One from a file is read again after the service refused it, so that a renewed key is taken up
 * without a restart.
 */
export class Key {
  readonly #file: string | undefined;
  #text: string;

  private constructor(text: string, file: string | undefined) {
    this.#text = text;
    this.#file = file;
  }

  /** Finds the key. Fails with `no_key` or `bad_key`. */
  static find(options: KeyOptions, environment: NodeJS.ProcessEnv = process.env): Key {
    if (options.key !== undefined && options.keyFile !== undefined) {
      throw AuditrailError.local("invalid_option", "give `key` or `keyFile`, not both");
    }
    if (options.key !== undefined) {
      return new Key(checked(options.key, "the option `key`"), undefined);
    }
    if (options.keyFile !== undefined) {
      return new Key(read(options.keyFile), options.keyFile);
    }
    const { AUDITRAIL_KEY: text, AUDITRAIL_KEY_FILE: file } = environment;
    if (text && file) {
      throw AuditrailError.local("invalid_option", "set AUDITRAIL_KEY or AUDITRAIL_KEY_FILE, not both");
    }
    if (text) {
      return new Key(checked(text, "AUDITRAIL_KEY"), undefined);
    }
    if (file) {
      return new Key(read(file), file);
    }
    throw AuditrailError.local(
      "no_key",
      "there is no API key: give `key` or `keyFile`, or set AUDITRAIL_KEY or AUDITRAIL_KEY_FILE",
    );
  }

  /** The value of the header `Authorization`. */
  authorization(): string {
    return `Bearer ${this.#text}`;
  }

  /** The service refused the key: reads the file again, if it comes from one. */
  refresh(): void {
    if (this.#file === undefined) {
      return;
    }
    try {
      this.#text = read(this.#file);
    } catch {
      // The file may be about to be replaced. The old key goes on being refused, which is told.
    }
  }

  /** The text with the key taken out of it. */
  hide(text: string): string {
    return text.includes(this.#text) ? text.replaceAll(this.#text, HIDDEN) : text;
  }

  toString(): string {
    return HIDDEN;
  }

  toJSON(): string {
    return HIDDEN;
  }

  [inspect.custom](): string {
    return HIDDEN;
  }
}

function read(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw AuditrailError.local("no_key", `cannot read the key file ${file}: ${reason(error)}`);
  }
  return checked(text.trim(), `the key file ${file}`);
}

/** A header takes no line break, and the error about one would repeat the key. */
function checked(text: string, where: string): string {
  if (!/^[\x21-\x7e]{1,256}$/.test(text)) {
    throw AuditrailError.local("bad_key", `${where} holds no API key (adt_…)`);
  }
  return text;
}
