/** What a feed and a tail have in common: the position, and when to retry. */
import { AuditrailError } from "./errors.js";
import { Backoff } from "./recorder/backoff.js";
import { filterParameters } from "./parameters.js";
import type { AuditRecord, FeedPosition, Filters } from "./types.js";

/** Pauses between failed requests, in milliseconds. */
const PAUSE_MS = 100;
const PAUSE_MAX_MS = 30_000;

/** A record with its seq: its index in the order of the log, from 0. */
export type FeedItem = AuditRecord & { readonly seq: number };

/** Where a feed or a tail starts. */
export type FeedStart =
  /** After a position that was stored earlier. */
  | FeedPosition
  /** After the record with this seq; -1 is before the first one. */
  | number
  /** After the newest record. */
  | "head";

/** Options of a feed and of a tail. */
export interface FollowOptions {
  /** Where to start. Default: the first record for a feed, the newest one for a tail. */
  readonly after?: FeedStart | undefined;
  /** Records must match all filters. By default all intents match. */
  readonly filters?: Filters | undefined;
  /** Ends the iteration with the error `aborted`. */
  readonly signal?: AbortSignal | undefined;
}

/** The state of a reader of the log. */
export class Follower {
  readonly filters: Filters;
  readonly signal: AbortSignal | undefined;
  readonly #backoff = new Backoff(PAUSE_MS, PAUSE_MAX_MS);
  /** Undefined at the head, before the first response. */
  position: FeedPosition | undefined;

  constructor(options: FollowOptions, start: FeedStart) {
    this.filters = options.filters ?? {};
    this.signal = options.signal;
    const after = options.after ?? start;
    if (typeof after === "number") {
      this.position = { seq: after, id: null };
    } else if (after !== "head") {
      this.position = { seq: after.seq, id: after.id };
    }
  }

  /** The filters and the position. */
  parameters(): URLSearchParams {
    const parameters = filterParameters(this.filters);
    parameters.set("after", this.position === undefined ? "head" : String(this.position.seq));
    if (typeof this.position?.id === "string") {
      parameters.set("after_id", this.position.id);
    }
    return parameters;
  }

  /** Sets the position after a record, which must follow the last one: none is processed twice. */
  advance(item: FeedItem): void {
    if (this.position !== undefined && !(item.seq > this.position.seq)) {
      throw AuditrailError.local("bad_answer", "the records are not in the order of their seq");
    }
    this.position = { seq: item.seq, id: item.id };
  }

  /** The service has responded. */
  succeeded(): void {
    this.#backoff.reset();
  }

  /** Waits before the next attempt, if one may help; else throws the error. */
  async retryAfter(thrown: unknown): Promise<void> {
    const error = thrown instanceof AuditrailError ? thrown : AuditrailError.local("unreachable", String(thrown), thrown);
    if (this.signal?.aborted) {
      throw aborted();
    }
    if (!isTemporary(error)) {
      throw error;
    }
    await this.pause(this.#backoff.after(error));
  }

  /** Waits, unless the signal is aborted. */
  async pause(milliseconds: number): Promise<void> {
    const { signal } = this;
    await new Promise<void>((resolve, reject) => {
      const abort = (): void => {
        clearTimeout(timer);
        reject(aborted());
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", abort);
        resolve();
      }, milliseconds);
      if (signal?.aborted) {
        abort();
      }
      signal?.addEventListener("abort", abort, { once: true });
    });
  }
}

/** Whether a retry may help. */
function isTemporary({ code, status }: AuditrailError): boolean {
  return status === undefined
    ? code === "unreachable" || code === "timeout"
    : status === 408 || status === 429 || status >= 500;
}

function aborted(): AuditrailError {
  return AuditrailError.local("aborted", "the iteration was aborted by its signal");
}
