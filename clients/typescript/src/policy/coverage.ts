/** Which mutating requests no rule knew. */
import { AuditrailError } from "../errors.js";

/** A route that changes things and that no rule is about. */
export interface Uncovered {
  readonly method: string;
  /** The route of the framework, or the path where it says none. */
  readonly route: string;
  /** How many requests it had. */
  readonly requests: number;
}

/** What was seen since the policy was loaded. */
export interface CoverageReport {
  /** Requests with a mutating method that a rule is about. */
  readonly covered: number;
  /**
   * Requests with a mutating method that no rule is about, and those that succeeded with a status (below
   * 400) that none is about.
   */
  readonly uncoveredRequests: number;
  /** The routes of these, most requests first; at most 1,000 of them. */
  readonly uncovered: readonly Uncovered[];
  /** Requests with a mutating method that the application has no route for. */
  readonly unrouted: number;
  /** Rules that no request was recorded by. */
  readonly unusedRules: readonly string[];
}

const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);
/** Most routes that are remembered by name; paths come from strangers. */
const ROUTES_MAX = 1_000;

/** A rule; several may have the same name. */
interface Named {
  readonly name: string;
}

/** Counts what was seen. */
export class Coverage {
  #covered = 0;
  #uncovered = 0;
  #unrouted = 0;
  readonly #routes = new Map<string, { method: string; route: string; requests: number }>();
  readonly #used = new Set<Named>();

  /** A rule decided about a request. */
  used(rule: Named): void {
    this.#used.add(rule);
  }

  /** A request was answered. `route` is undefined when the application has none for it. */
  saw(method: string, route: string | undefined, covered: boolean): void {
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
    const known = this.#routes.get(key);
    if (known !== undefined) {
      known.requests += 1;
    } else if (this.#routes.size < ROUTES_MAX) {
      this.#routes.set(key, { method, route, requests: 1 });
    }
  }

  report(rules: readonly Named[]): CoverageReport {
    const uncovered = [...this.#routes.values()].map((seen) => ({ ...seen }));
    return {
      covered: this.#covered,
      uncoveredRequests: this.#uncovered,
      uncovered: uncovered.sort((a, b) => b.requests - a.requests),
      unrouted: this.#unrouted,
      unusedRules: rules.filter((rule) => !this.#used.has(rule)).map(({ name }) => name),
    };
  }

  /** Throws `not_covered`, naming each route. */
  assert(): void {
    const { uncovered } = this.report([]);
    if (this.#uncovered > 0) {
      const names = uncovered.map(({ method, route, requests }) => `${method} ${route} (${requests})`);
      const detail = `no rule is about: ${names.join(", ")}; give each a rule, or one with level = "none"`;
      throw AuditrailError.local("not_covered", detail);
    }
  }
}
