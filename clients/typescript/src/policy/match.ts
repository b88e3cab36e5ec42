/** The rules that match a request, whichever way a server reads its path. */
import { readings, type Segments } from "./readings.js";
import { type Matched, matchRule, type Rule } from "./rule.js";

/** What the rules decide about a request. */
export interface Decision {
  /** The strictest rule that a reading of the path leads to; `undefined` if there is none. */
  readonly matched: Matched | undefined;
  /** The rules that other readings lead to, strictest first. */
  readonly others: readonly Matched[];
  /** Whether the request is recorded, or every reading of its path leads to a rule. */
  readonly isCovered: boolean;
}

/** The rules that match a method and path, before the status is known. */
export class Match {
  /** The matching rules in their order, each with the parameters of the first reading that it matches. */
  readonly candidates: readonly Matched[];
  /** If readings match different rules: the rules of each reading, without duplicates. */
  readonly #readings: readonly (readonly Rule[])[] | undefined;

  private constructor(candidates: readonly Matched[], readings: readonly (readonly Rule[])[] | undefined) {
    this.candidates = candidates;
    this.#readings = readings;
  }

  /** The rules that match a request, whose method is in upper case; `undefined` if there is none. */
  static find(rules: readonly Rule[], method: string, target: string): Match | undefined {
    const [literal = [], ...others] = readings(target);
    const first = matching(rules, method, literal);
    if (others.length === 0) {
      return first.length === 0 ? undefined : new Match(first, undefined);
    }
    const all = [first, ...others.map((path) => matching(rules, method, path))];
    const lists = new Map(all.map((list) => [list.map(({ rule }) => rules.indexOf(rule)).join(), list.map(({ rule }) => rule)]));
    const candidates = firstOfEach(rules, all.flat());
    const distinct = lists.size > 1 ? [...lists.values()] : undefined;
    return candidates.length === 0 ? undefined : new Match(candidates, distinct);
  }

  /** Whether servers may read the path in ways that match different rules. */
  get isAmbiguous(): boolean {
    return this.#readings !== undefined;
  }

  /** The rule for a status: the first that matches it; of an ambiguous path, the strictest. */
  forStatus(status: number): Matched | undefined {
    return this.decide(status).matched;
  }

  /**
   * The decision for a status, or for a request that ended without one, to which the rules apply that record.
   *
   * The first rule of each reading applies. Of several, the strictest: one that records, before one that does not;
   * then by failure policy; then by order.
   */
  decide(status: number | null): Decision {
    return this.#strictest((rule) => (status === null ? rule.level !== "none" : matchesStatus(rule, status)));
  }

  /** The rule whose intent is written before the handler: the first with `must`. */
  get intent(): Matched | undefined {
    return this.candidates.find(({ rule }) => rule.failure === "must" && rule.level !== "none");
  }

  /** The rules that other readings lead to than that of the intent. */
  get otherIntents(): readonly Matched[] {
    if (!this.isAmbiguous) {
      return [];
    }
    const { matched, others } = this.decide(null);
    const { intent } = this;
    return [...(matched === undefined ? [] : [matched]), ...others].filter((candidate) => candidate !== intent);
  }

  #strictest(applies: (rule: Rule) => boolean): Decision {
    if (this.#readings === undefined) {
      const matched = this.candidates.find(({ rule }) => applies(rule));
      return { matched, others: [], isCovered: matched !== undefined };
    }
    const decided = this.#readings.map((rules) => rules.find(applies));
    const isUnanimous = decided.every((rule) => rule !== undefined);
    // In the order of the policy, which the sorting keeps.
    const chosen = this.candidates.filter(({ rule }) => decided.includes(rule));
    const [matched, ...others] = chosen.sort((a, b) => strictness(b.rule) - strictness(a.rule));
    const isCovered = matched !== undefined && (matched.rule.level !== "none" || isUnanimous);
    return { matched, others, isCovered };
  }
}

/** The rules that match a reading of a path, in order. */
function matching(rules: readonly Rule[], method: string, path: Segments): Matched[] {
  const found: Matched[] = [];
  for (const rule of rules) {
    const params = matchRule(rule, method, path);
    if (params !== undefined) {
      found.push({ rule, params });
    }
  }
  return found;
}

/** The first match of each rule, in the order of the rules. */
function firstOfEach(rules: readonly Rule[], matches: readonly Matched[]): Matched[] {
  const first = new Map<Rule, Matched>();
  for (const matched of matches) {
    if (!first.has(matched.rule)) {
      first.set(matched.rule, matched);
    }
  }
  return rules.flatMap((rule) => first.get(rule) ?? []);
}

/** How much a record of a rule may be relied on; 0 if it records nothing. */
function strictness({ level, failure }: Rule): number {
  return level === "none" ? 0 : { best_effort: 1, spool: 2, must: 3 }[failure];
}

function matchesStatus(rule: Rule, status: number): boolean {
  return rule.status.length === 0 || rule.status.some((pattern) => pattern.matches(status));
}
