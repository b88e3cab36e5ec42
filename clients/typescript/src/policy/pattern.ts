/** Route patterns and status patterns. */
import { AuditrailError } from "../errors.js";
import { decoded } from "./path.js";

type Segment =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "one"; readonly name: string }
  | { readonly kind: "rest"; readonly name: string };

/** The values of a route's parameters. */
export type Params = Readonly<Record<string, string>>;

/**
 * A route such as `/v1/projects/{id}`.
 *
 * Matching ignores the case of literal segments, trailing and repeated slashes, and percent encoding, because
 * frameworks differ in these. A request recorded unnecessarily does less harm than one that evades the policy.
 */
export class RoutePattern {
  readonly text: string;
  readonly #segments: readonly Segment[];

  constructor(text: string) {
    if (!text.startsWith("/")) {
      throw invalid(`the route \`${text}\` must start with \`/\``);
    }
    this.text = text;
    this.#segments = split(text).map((part, index, all) => segment(text, part, index === all.length - 1));
    const names = this.parameters;
    if (new Set(names).size < names.length) {
      throw invalid(`the route \`${text}\` uses a parameter twice; give each its own name`);
    }
  }

  /** The names of the parameters. */
  get parameters(): string[] {
    return this.#segments.flatMap((segment) => (segment.kind === "literal" ? [] : [segment.name]));
  }

  /** Returns the parameters if the segments of a path match. */
  match(path: readonly string[]): Params | undefined {
    const params: Record<string, string> = {};
    for (const [index, segment] of this.#segments.entries()) {
      if (segment.kind === "rest") {
        params[segment.name] = path.slice(index).join("/");
        return params;
      }
      const part = path[index];
      if (part === undefined || (segment.kind === "literal" && part.toLowerCase() !== segment.text)) {
        return undefined;
      }
      if (segment.kind === "one") {
        params[segment.name] = part;
      }
    }
    return path.length === this.#segments.length ? params : undefined;
  }
}

/** A status pattern: `404`, `2xx` or `400-499`. */
export class StatusPattern {
  readonly #from: number;
  readonly #to: number;

  constructor(text: string) {
    const family = /^([1-5])xx$/i.exec(text)?.[1];
    const [, from, to] = /^([1-5]\d\d)(?:-([1-5]\d\d))?$/.exec(text) ?? [];
    if (family !== undefined) {
      this.#from = Number(family) * 100;
      this.#to = this.#from + 99;
    } else if (from !== undefined) {
      this.#from = Number(from);
      this.#to = Number(to ?? from);
    } else {
      throw invalid(`\`${text}\` is no status; use one such as "404", "2xx" or "400-499"`);
    }
    if (this.#to < this.#from) {
      throw invalid(`the status range \`${text}\` is empty; put the smaller number first`);
    }
  }

  matches(status: number): boolean {
    return status >= this.#from && status <= this.#to;
  }
}

function split(path: string): string[] {
  return path.split("/").filter((part) => part !== "");
}

function segment(route: string, part: string, last: boolean): Segment {
  if (/^:|[?#]/.test(part)) {
    throw invalid(`\`${part}\` in the route \`${route}\` would match nothing: parameters are {name}, and queries are not looked at`);
  }
  if (!/[{}*]/.test(part)) {
    return { kind: "literal", text: decoded(part).toLowerCase() };
  }
  const [, star, name] = /^\{(\*?)([A-Za-z_][A-Za-z0-9_]*)\}$/.exec(part) ?? [];
  if (name === undefined) {
    throw invalid(`\`${part}\` in the route \`${route}\` is neither fixed nor {name} nor {*rest}`);
  }
  if (star && !last) {
    throw invalid(`\`${part}\` in the route \`${route}\` must be its last segment`);
  }
  return { kind: star ? "rest" : "one", name };
}

function invalid(detail: string): AuditrailError {
  return AuditrailError.local("invalid_policy", detail);
}
