/** The rules that match a request, whichever way a server reads its path. */
import { readings } from "./readings.js";
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
  /** The rules of each reading, without duplicates; more than one list if readings match different rules. */
  readonly #readings: readonly (readonly Rule[])[];

  private constructor(candidates: readonly Matched[], readings: readonly (readonly Rule[])[]) {
    this.candidates = candidates;
    this.#readings = readings;
  }

  /** The rules that match a request; `undefined` if there is none. */
  static find(rules: readonly Rule[], method: string, target: string): Match | undefined {
    const found = new Map<Rule, Matched>();
    const lists = new Map<string, readonly Rule[]>();
    for (const path of readings(target)) {
      const matching = rules.flatMap((rule, index) => {
        const params = matchRule(rule, method, path);
        if (params === undefined) {
          return [];
        }
        if (!found.has(rule)) {
          found.set(rule, { rule, params });
        }
        return [{ rule, index }];
      });
      lists.set(matching.map(({ index }) => index).join(), matching.map(({ rule }) => rule));
    }
    const candidates = rules.flatMap((rule) => found.get(rule) ?? []);
    return candidates.length === 0 ? undefined : new Match(candidates, [...lists.values()]);
  }

  /** Whether servers may read the path in ways that match different rules. */
  get isAmbiguous(): boolean {
    return this.#readings.length > 1;
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
    const decided = this.#readings.map((rules) => rules.find(applies));
    const isUnanimous = decided.every((rule) => rule !== undefined);
    // In the order of the policy, which the sorting keeps.
    const chosen = this.candidates.filter(({ rule }) => decided.includes(rule));
    const [matched, ...others] = chosen.sort((a, b) => strictness(b.rule) - strictness(a.rule));
    const isCovered = matched !== undefined && (matched.rule.level !== "none" || isUnanimous);
    return { matched, others, isCovered };
  }
}

/** How much a record of a rule may be relied on; 0 if it records nothing. */
function strictness({ level, failure }: Rule): number {
  return level === "none" ? 0 : { best_effort: 1, spool: 2, must: 3 }[failure];
}

function matchesStatus(rule: Rule, status: number): boolean {
  return rule.status.length === 0 || rule.status.some((pattern) => pattern.matches(status));
}
