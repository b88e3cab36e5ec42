/** Configuration and counters of the middleware. */
import type { IncomingMessage } from "node:http";

import { TIMER_MAX_MS } from "../clock.js";
import { AuditrailError } from "../errors.js";
import type { Policy } from "../policy/policy.js";
import type { Recorder } from "../recorder/recorder.js";
import type { Principal } from "./principal.js";

export type { Principal } from "./principal.js";

/** Configuration of the middleware. */
export interface CaptureOptions<Request extends IncomingMessage = IncomingMessage> {
  /** The recorder that receives the records. */
  readonly recorder: Recorder;
  /** The policy that determines which requests are recorded. */
  readonly policy: Policy;
  /**
   * Returns the principal of a request. Called when the response ends; with `must` before the handler, and
   * again at the end if that returned none, as before a login. A response whose record is spooled waits for
   * it. Without a principal the actor is the user `anonymous`; after an exception or with an invalid
   * principal it is the user `unknown`, which is counted.
   */
  readonly actor: (request: Request) => Principal | undefined | Promise<Principal | undefined>;
  /**
   * Timeout in milliseconds until the response headers, after which a request is recorded as `timeout`.
   * The request continues; its later end is not recorded again. Default: none.
   */
  readonly timeoutMs?: number | undefined;
  /** Called when a record was rejected by the recorder after the response was sent. */
  readonly onError?: ((error: AuditrailError) => void) | undefined;
}

/** Counters of the middleware. */
export interface CaptureStats {
  /** Records passed to the recorder, including intents. */
  readonly recorded: number;
  /** Requests whose record the handler committed itself. */
  readonly committed: number;
  /** Requests suppressed by a handler with `skip()`. */
  readonly skipped: number;
  /** Requests refused because their intent could not be written. */
  readonly refused: number;
  /** Requests refused because of an ambiguous path (400) or an unknown target (422), as the policy says. */
  readonly rejected: number;
  /** Requests whose path servers may read in ways that match different rules. */
  readonly ambiguous: number;
  /** Records rejected by the recorder after the response was sent. */
  readonly lost: number;
  /** Records without a known target id. */
  readonly unknownTargets: number;
  /** Requests whose actor is unknown because the extractor failed. */
  readonly unknownActors: number;
  /** Requests that a middleware with another policy, mounted before this one, records instead. */
  readonly overruled: number;
}

/** The state shared by all requests of a middleware. */
export class Capture<Request extends IncomingMessage = IncomingMessage> {
  readonly options: CaptureOptions<Request>;
  readonly counts = {
    recorded: 0,
    committed: 0,
    skipped: 0,
    refused: 0,
    rejected: 0,
    ambiguous: 0,
    lost: 0,
    unknownTargets: 0,
    unknownActors: 0,
    overruled: 0,
  };

  readonly #pending = new Set<Promise<void>>();

  constructor(options: CaptureOptions<Request>) {
    checkOptions(options);
    this.options = options;
    const { timeoutMs = 1 } = options;
    if (!(timeoutMs > 0 && timeoutMs <= TIMER_MAX_MS)) {
      const detail = `\`timeoutMs\` must be a number from 1 to ${TIMER_MAX_MS}; omit it for no timeout`;
      throw AuditrailError.local("invalid_option", detail);
    }
    const spools = options.policy.rules.find((rule) => rule.failure === "spool" && rule.level !== "none");
    if (spools !== undefined && !options.recorder.spools) {
      const detail = `the rule \`${spools.name}\` has the policy \`spool\`; set \`spoolDir\` of the recorder`;
      throw AuditrailError.local("no_spool", detail);
    }
  }

  stats(): CaptureStats {
    return { ...this.counts };
  }

  /** Resolves when the records of all completed requests are accepted or rejected by the recorder. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) {
      await Promise.all(this.#pending);
    }
  }

  /** Tracks the recording of a completed request; the result never rejects. */
  track(recording: Promise<void>): Promise<void> {
    const tracked = recording
      .catch((error: unknown) => this.#lost(error))
      .finally(() => this.#pending.delete(tracked));
    this.#pending.add(tracked);
    return tracked;
  }

  /** Counts and reports a record that the recorder rejected. */
  #lost(error: unknown): void {
    this.counts.lost += 1;
    try {
      const known = error instanceof AuditrailError ? error : AuditrailError.local("not_recorded", String(error));
      this.options.onError?.(known);
    } catch {
      // An exception of the callback must not affect the application.
    }
  }
}

/** Throws `invalid_option` if an option is missing, as it may be in plain JavaScript. */
export function checkOptions(options: unknown): void {
  const { recorder, policy, actor } = (options ?? {}) as { recorder?: Partial<Recorder>; policy?: Partial<Policy>; actor?: unknown };
  const example = '(request) => request.user && { actor: { type: "user", id: request.user.id } }';
  const needs = [
    [typeof recorder?.record === "function", "`recorder` is needed: the result of `await Recorder.open({ … })`"],
    [Array.isArray(policy?.rules), '`policy` is needed: the result of `Policy.load("audit.toml")`'],
    [typeof actor === "function", `\`actor\` is needed: a function that returns who sent a request, such as \`${example}\``],
  ] as const;
  const missing = needs.find(([isThere]) => !isThere);
  if (missing !== undefined) {
    throw AuditrailError.local("invalid_option", missing[1]);
  }
}
