/** The API key: its sources, and protection from disclosure. */
import { readFileSync } from "node:fs";
import { inspect } from "node:util";

import { AuditrailError, reason } from "./errors.js";

/** Source of the API key. Default: `AUDITRAIL_KEY`, else the file that `AUDITRAIL_KEY_FILE` names. */
export interface KeyOptions {
  /** The API key. */
  readonly key?: string | undefined;
  /** A file that contains only the API key, such as a mounted secret. */
  readonly keyFile?: string | undefined;
}

const REDACTED = "[key]";
/**
 * The form of an API key, or of another secret in its place. Anything else, such as `key` or a single letter, occurs
 * in other texts too and is not redacted there.
 */
const SECRET = /^adt_\w{20,}$|^(?=.*\d).{24,}$/;

/**
 * An API key that is redacted in strings, JSON and inspection.
 *
 * A key file is read again after the service rejected the key, so that a renewed key is picked up
 * without a restart.
 */
export class Key {
  readonly #file: string | undefined;
  #text: string;

  private constructor(text: string, file: string | undefined) {
    this.#text = text;
    this.#file = file;
  }

  /** Loads the key. Throws `no_key`, `bad_key` or `invalid_option`. */
  static load(options: KeyOptions, environment: NodeJS.ProcessEnv = process.env): Key {
    if (options.key !== undefined && options.keyFile !== undefined) {
      throw AuditrailError.local("invalid_option", "set `key` or `keyFile`, not both");
    }
    if (options.key !== undefined) {
      return new Key(validated(options.key, "the option `key`"), undefined);
    }
    if (options.keyFile !== undefined) {
      return new Key(read(options.keyFile), options.keyFile);
    }
    const { AUDITRAIL_KEY: text, AUDITRAIL_KEY_FILE: file } = environment;
    if (text && file) {
      throw AuditrailError.local("invalid_option", "set AUDITRAIL_KEY or AUDITRAIL_KEY_FILE, not both");
    }
    if (text) {
      return new Key(validated(text, "AUDITRAIL_KEY"), undefined);
    }
    if (file) {
      return new Key(read(file), file);
    }
    throw AuditrailError.local(
      "no_key",
      "no API key: set `key` or `keyFile`, or AUDITRAIL_KEY or AUDITRAIL_KEY_FILE",
    );
  }

  /** The value of the header `Authorization`. */
  authorization(): string {
    return `Bearer ${this.#text}`;
  }

  /** Reads the key file again, after the service rejected the key. */
  refresh(): void {
    if (this.#file === undefined) {
      return;
    }
    try {
      this.#text = read(this.#file);
    } catch {
      // The file may be about to be replaced; the old key is kept, and its rejections are reported to
      // the callers.
    }
  }

  /** The text with the key redacted. */
  redact(text: string): string {
    return SECRET.test(this.#text) && text.includes(this.#text) ? text.replaceAll(this.#text, REDACTED) : text;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}

function read(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw AuditrailError.local("no_key", `cannot read the key file ${file}: ${reason(error)}`);
  }
  return validated(text.trim(), `the key file ${file}`);
}

/** Rejects texts that are invalid in a header; the error of `fetch` would repeat the key. */
function validated(text: string, where: string): string {
  if (!/^[\x21-\x7e]{1,256}$/.test(text)) {
    throw AuditrailError.local("bad_key", `${where} is not a valid API key (adt_…)`);
  }
  return text;
}
