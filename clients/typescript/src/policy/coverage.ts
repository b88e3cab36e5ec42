/** Coverage of mutating requests by the rules of a policy. */
import { AuditrailError } from "../errors.js";

/** A route with mutating requests that no rule matches. */
export interface Uncovered {
  readonly method: string;
  /** The route of the framework, or the path if it has none. */
  readonly route: string;
  /** Number of requests. */
  readonly requests: number;
}

/** Coverage since the policy was loaded. */
export interface CoverageReport {
  /** Requests with a mutating method that a rule matches. */
  readonly covered: number;
  /**
   * Requests with a mutating method that no rule matches, including successful ones (status below 400)
   * where rules match other statuses only, and those that a rule with the level `none` excludes by one reading of
   * their path, but none by another.
   */
  readonly uncoveredRequests: number;
  /** Their routes, most requests first, at most 1,000. */
  readonly uncovered: readonly Uncovered[];
  /** Requests with a mutating method and no route in the application. */
  readonly unrouted: number;
  /** Requests, of any method, whose path servers may read in ways that match different rules. */
  readonly ambiguous: number;
  /** Rules that decided about no request. */
  readonly unusedRules: readonly string[];
}

const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);
/** Maximum number of routes that are kept; clients choose the paths. */
const ROUTES_MAX = 1_000;

/** A rule; names are not unique. */
interface Named {
  readonly name: string;
}

/** Counts requests by coverage. */
export class Coverage {
  #covered = 0;
  #uncovered = 0;
  #unrouted = 0;
  #ambiguous = 0;
  readonly #routes = new Map<string, { method: string; route: string; requests: number }>();
  readonly #used = new Set<Named>();

  /** Marks a rule as used. */
  used(rule: Named): void {
    this.#used.add(rule);
  }

  /** Counts a request with an ambiguous path. */
  countAmbiguous(): void {
    this.#ambiguous += 1;
  }

  /** Counts a completed request. `route` is undefined if the application has none for it. */
  count(method: string, route: string | undefined, covered: boolean): void {
    if (SAFE.has(method)) {
      return;
    }
    if (covered) {
      this.#covered += 1;
      return;
    }
    if (route === undefined) {
      this.#unrouted += 1;
      return;
    }
    this.#uncovered += 1;
    const key = `${method} ${route}`;
    const entry = this.#routes.get(key);
    if (entry !== undefined) {
      entry.requests += 1;
    } else if (this.#routes.size < ROUTES_MAX) {
      this.#routes.set(key, { method, route, requests: 1 });
    }
  }

  report(rules: readonly Named[]): CoverageReport {
    const uncovered = [...this.#routes.values()].map((entry) => ({ ...entry }));
    return {
      covered: this.#covered,
      uncoveredRequests: this.#uncovered,
      uncovered: uncovered.sort((a, b) => b.requests - a.requests),
      unrouted: this.#unrouted,
      ambiguous: this.#ambiguous,
      unusedRules: rules.filter((rule) => !this.#used.has(rule)).map(({ name }) => name),
    };
  }

  /** Throws `not_covered`, naming each route. */
  assert(): void {
    const { uncovered } = this.report([]);
    if (this.#uncovered > 0) {
      const names = uncovered.map(({ method, route, requests }) => `${method} ${route} (${requests})`);
      const detail = `no rule matches ${names.join(", ")}; add a rule for each, with level = "none" if it need not be recorded`;
      throw AuditrailError.local("not_covered", detail);
    }
  }
}
