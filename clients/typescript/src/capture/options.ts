/** What the middleware is told, and what it counts. */
import type { IncomingMessage } from "node:http";

import { TIMER_MAX_MS } from "../clock.js";
import { AuditrailError } from "../errors.js";
import type { Policy } from "../policy/policy.js";
import type { Recorder } from "../recorder/recorder.js";
import type { Principal } from "./principal.js";

export type { Principal } from "./principal.js";

/** What the middleware is told. */
export interface CaptureOptions<Request extends IncomingMessage = IncomingMessage> {
  /** What takes the records. */
  readonly recorder: Recorder;
  /** Which requests leave which records. */
  readonly policy: Policy;
  /**
   * Who made the request; asked when its answer ends, with `must` before it is handled, and once more at
   * the end when that gave nobody, as before a login. An answer whose record is spooled waits for it. When
   * it gives nothing the actor is the user `anonymous`; when it fails, or gives what is no actor, the user
   * `unknown`, which is counted.
   */
  readonly actor: (request: Request) => Principal | undefined | Promise<Principal | undefined>;
  /**
   * After how many milliseconds without a beginning of an answer a request is recorded as `timeout`.
   * It goes on; what it still does is not recorded again. Default: never.
   */
  readonly timeoutMs?: number | undefined;
  /** Told when a record could not be taken on, after the request was answered. */
  readonly onError?: ((error: AuditrailError) => void) | undefined;
}

/** What became of the requests. */
export interface CaptureStats {
  /** Records given to the recorder, intents among them. */
  readonly recorded: number;
  /** Requests that a handler took out with `skip()`. */
  readonly skipped: number;
  /** Requests that were refused because their intent could not be written. */
  readonly refused: number;
  /** Records after the answer that the recorder did not take on. */
  readonly lost: number;
  /** Records whose target id was not found. */
  readonly unknownTargets: number;
  /** Requests whose actor could not be told because the extractor failed. */
  readonly unknownActors: number;
  /** Requests that this policy was not asked about, because a middleware before it has another one. */
  readonly overruled: number;
}

/** What all requests of a middleware share. */
export class Capture<Request extends IncomingMessage = IncomingMessage> {
  readonly options: CaptureOptions<Request>;
  readonly counts = {
    recorded: 0,
    skipped: 0,
    refused: 0,
    lost: 0,
    unknownTargets: 0,
    unknownActors: 0,
    overruled: 0,
  };

  readonly #following = new Set<Promise<void>>();

  constructor(options: CaptureOptions<Request>) {
    this.options = options;
    const { timeoutMs = 1 } = options;
    if (!(timeoutMs > 0 && timeoutMs <= TIMER_MAX_MS)) {
      const detail = `\`timeoutMs\` must be a number from 1 to ${TIMER_MAX_MS}; leave it out for none`;
      throw AuditrailError.local("invalid_option", detail);
    }
    const spools = options.policy.rules.find((rule) => rule.failure === "spool" && rule.level !== "none");
    if (spools !== undefined && !options.recorder.spools) {
      const detail = `the rule \`${spools.name}\` has the policy \`spool\`; give the recorder a \`spoolDir\``;
      throw AuditrailError.local("no_spool", detail);
    }
  }

  stats(): CaptureStats {
    return { ...this.counts };
  }

  /** Resolves when the records of all requests that are answered were taken on, or given up. */
  async settled(): Promise<void> {
    while (this.#following.size > 0) {
      await Promise.all(this.#following);
    }
  }

  /** Follows the record of an answered request; resolves when it was taken on, or given up. */
  follow(finishing: Promise<void>): Promise<void> {
    const followed = finishing
      .catch((error: unknown) => this.#lost(error))
      .finally(() => this.#following.delete(followed));
    this.#following.add(followed);
    return followed;
  }

  /** A record after the answer could not be taken on. */
  #lost(error: unknown): void {
    this.counts.lost += 1;
    try {
      const known = error instanceof AuditrailError ? error : AuditrailError.local("not_recorded", String(error));
      this.options.onError?.(known);
    } catch {
      // The callback is not ours, and the request is answered already.
    }
  }
}
