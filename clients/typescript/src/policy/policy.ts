/** The policy file, which determines how requests are recorded. docs/policy.md describes the format. */
import { readFileSync } from "node:fs";
import { BlockList, isIP } from "node:net";

import { AuditrailError, reason } from "../errors.js";
import { Coverage, type CoverageReport } from "./coverage.js";
import { Source, type Table } from "./file.js";
import { Match } from "./match.js";
import { Redaction } from "./redact.js";
import { readRule, type Rule } from "./rule.js";

const KEYS = ["version", "failure", "ambiguous_paths", "trusted_proxies", "redact", "rule"];
const VERSION = 1;

/** Ordered rules; the first that matches method, route and status applies. */
export class Policy {
  readonly rules: readonly Rule[];
  /** The redaction of all recorded data. */
  readonly redaction: Redaction;
  /** The proxies whose `X-Forwarded-For` is trusted. */
  readonly trustedProxies: BlockList;
  /**
   * Whether requests are rejected whose path servers may read in ways that match different rules; otherwise the
   * strictest of these rules applies.
   */
  readonly refusesAmbiguousPaths: boolean;
  readonly #coverage = new Coverage();

  private constructor(source: Source) {
    const root = source.root();
    root.known(KEYS);
    if (root.get("version") !== VERSION) {
      throw root.wrong("version", `\`version = ${VERSION}\` is needed, and the only one there is`);
    }
    const failure = root.failure() ?? "spool";
    this.refusesAmbiguousPaths = root.choice("ambiguous_paths", ["record", "refuse"]) === "refuse";
    const entries = root.texts("redact") ?? [];
    entries.filter((entry) => entry.startsWith("/")).forEach((entry) => root.pointer("redact", entry));
    this.redaction = new Redaction(entries);
    this.trustedProxies = networks(root);
    const tables = root.get("rule") ?? [];
    if (!Array.isArray(tables)) {
      throw root.wrong("rule", "rules are written as [[rule]], with two brackets");
    }
    const defaults = { failure, redaction: this.redaction };
    this.rules = tables.map((table, index) => readRule(source.table(table, "rule", index), defaults));
  }

  /** Reads a policy file. Throws `invalid_policy` with file, line and fix. */
  static load(path: string): Policy {
    let text: string;
    try {
      // Lossy decoding would change names in `redact`, which would then not be removed.
      text = new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path));
    } catch (error) {
      throw AuditrailError.local("invalid_policy", `cannot read the policy ${path}: ${reason(error)}`);
    }
    return Policy.parse(text, path);
  }

  /** Parses a policy; errors contain `name`. */
  static parse(text: string, name = "policy"): Policy {
    return new Policy(new Source(text, name));
  }

  /** The rules that match a request; `undefined` if there is none. */
  match(method: string, target: string): Match | undefined {
    return Match.find(this.rules, method.toUpperCase(), target);
  }

  /** The coverage of mutating routes. */
  coverage(): CoverageReport {
    return this.#coverage.report(this.rules);
  }

  /** For the end of a test suite: throws `not_covered` with every mutating route without a rule. */
  assertCovered(): void {
    this.#coverage.assert();
  }

  /** Counts a request with an ambiguous path. @internal */
  countAmbiguous(): void {
    this.#coverage.countAmbiguous();
  }

  /** Counts a completed request. @internal */
  countRequest(method: string, route: string | undefined, rule: Rule | undefined, covered: boolean): void {
    this.#coverage.count(method.toUpperCase(), route, covered);
    if (rule !== undefined) {
      this.#coverage.used(rule);
    }
  }
}

function networks(root: Table): BlockList {
  const list = new BlockList();
  for (const text of root.texts("trusted_proxies") ?? []) {
    const [address = "", bits] = text.split("/");
    const version = isIP(address);
    const most = version === 4 ? 32 : 128;
    const prefix = bits === undefined ? most : Number(bits);
    const isValid = version !== 0 && /^\d{1,3}$/.test(bits ?? "0") && prefix <= most && text.split("/").length <= 2;
    if (!isValid) {
      throw root.wrong("trusted_proxies", `\`${text}\` is no address or network; write one such as "10.0.0.0/8"`);
    }
    list.addSubnet(address, prefix, version === 4 ? "ipv4" : "ipv6");
  }
  return list;
}
