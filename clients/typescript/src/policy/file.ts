/** Parsing of policy files: unknown keys are errors, and errors name the line. */
import { parse, TomlError } from "smol-toml";

import { AuditrailError } from "../errors.js";
import { FAILURE_POLICIES, type FailurePolicy } from "../recorder/options.js";
import { parsePointer } from "./pointer.js";

/** A table of the file, with its position for errors. */
export class Table {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #source: Source;
  readonly #header: string;
  readonly #index: number;

  constructor(values: unknown, source: Source, header: string, index: number) {
    this.#source = source;
    this.#header = header;
    this.#index = index;
    if (typeof values !== "object" || values === null || Array.isArray(values)) {
      throw source.wrong(source.header(header, index), `${header} must be a table`);
    }
    this.#values = values as Record<string, unknown>;
  }

  /** Rejects keys that are not in the list. */
  known(names: readonly string[]): void {
    const unknown = Object.keys(this.#values).find((name) => !names.includes(name));
    if (unknown !== undefined) {
      throw this.wrong(unknown, `\`${unknown}\` is unknown; use one of ${names.join(", ")}, or remove it`);
    }
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined;
  }

  get(name: string): unknown {
    return this.#values[name];
  }

  /** A non-empty string. */
  text(name: string, maxChars = 500): string | undefined {
    const value = this.#values[name];
    if (value === undefined) {
      return undefined;
    }
    if (typeof value !== "string" || value === "" || [...value].length > maxChars) {
      throw this.wrong(name, `\`${name}\` must be a text of 1 to ${maxChars} characters`);
    }
    return value;
  }

  texts(name: string): string[] | undefined {
    const value = this.#values[name];
    if (value === undefined) {
      return undefined;
    }
    if (!Array.isArray(value) || !value.every((item): item is string => typeof item === "string")) {
      throw this.wrong(name, `\`${name}\` must be a list of texts`);
    }
    return value;
  }

  choice<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const value = this.#values[name];
    const chosen = choices.find((choice) => choice === value);
    if (value !== undefined && chosen === undefined) {
      throw this.wrong(name, `\`${name}\` must be one of ${choices.join(", ")}`);
    }
    return chosen;
  }

  boolean(name: string): boolean | undefined {
    const value = this.#values[name];
    if (value !== undefined && typeof value !== "boolean") {
      throw this.wrong(name, `\`${name}\` must be true or false`);
    }
    return value;
  }

  failure(): FailurePolicy | undefined {
    return this.choice("failure", FAILURE_POLICIES);
  }

  /** Converts a value; errors get the position of the key. */
  convert<T>(name: string, make: () => T): T {
    try {
      return make();
    } catch (error) {
      throw error instanceof AuditrailError && !(error instanceof Located) ? this.wrong(name, error.detail) : error;
    }
  }

  /** Parses a JSON pointer. */
  pointer(name: string, text: unknown): string[] {
    const steps = typeof text === "string" ? parsePointer(text) : undefined;
    if (steps === undefined) {
      throw this.wrong(name, `\`${String(text)}\` in \`${name}\` is no JSON pointer; write one such as "/project/id"`);
    }
    return steps;
  }

  /** The error for a key of this table. */
  wrong(name: string | undefined, what: string): AuditrailError {
    return this.#source.wrong(this.#source.line(this.#header, this.#index, name), what);
  }
}

/** An error that has a position already. */
class Located extends AuditrailError {}

/** The text of a policy and its name. */
export class Source {
  readonly name: string;
  readonly #lines: readonly string[];
  readonly #values: unknown;

  constructor(text: string, name: string) {
    this.name = name;
    this.#lines = text.split("\n");
    try {
      this.#values = parse(text);
    } catch (error) {
      if (error instanceof TomlError) {
        const what = error.message.split("\n")[0] ?? "";
        throw this.wrong(error.line, `invalid TOML: ${what.replace(/^Invalid TOML document: /, "")}`);
      }
      throw error;
    }
  }

  root(): Table {
    return new Table(this.#values, this, "", 0);
  }

  table(values: unknown, header: string, index: number): Table {
    return new Table(values, this, header, index);
  }

  wrong(line: number | undefined, what: string): AuditrailError {
    const where = line === undefined ? this.name : `${this.name}:${line}`;
    return new Located({ code: "invalid_policy", detail: `${where}: ${what}` });
  }

  /** The line of the nth `[[header]]`, from 1. */
  header(header: string, index: number): number | undefined {
    if (header === "") {
      return undefined;
    }
    let seen = -1;
    const lineIndex = this.#lines.findIndex((line) => {
      seen += line.trim().startsWith(`[[${header}]]`) ? 1 : 0;
      return seen === index;
    });
    return lineIndex < 0 ? undefined : lineIndex + 1;
  }

  /** The line of a key below the nth `[[header]]`, or of the header if the key is not found. */
  line(header: string, index: number, key: string | undefined): number | undefined {
    const start = this.header(header, index);
    for (let at = start ?? 0; key !== undefined && at < this.#lines.length; at += 1) {
      const line = (this.#lines[at] ?? "").trim();
      if (line.startsWith("[")) {
        // A table in place of a value is located by its header.
        return line.startsWith(`[${key}]`) ? at + 1 : start;
      }
      if (line.replaceAll(/["']/g, "").split(/[\s=.]/)[0] === key) {
        return at + 1;
      }
    }
    return start;
  }
}
