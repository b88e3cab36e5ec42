/** Follows the log over server-sent events. */
import { AuditrailError, reason } from "./errors.js";
import { parseExactly } from "./exact-json.js";
import { type FeedItem, Follower, type FollowOptions } from "./follow.js";
import { events } from "./server-sent-events.js";
import type { Transport } from "./transport.js";
import type { FeedPosition } from "./types.js";

/** How long the service may send nothing, in milliseconds. It sends a comment every 15 seconds. */
const IDLE_MS = 45_000;
/** Pause after the service ended the response in order, in milliseconds. */
const ENDED_MS = 500;

/** Options of a tail. */
export interface TailOptions extends FollowOptions {
  /** How long the service may send nothing before the connection is replaced, in milliseconds. Default 45,000. */
  readonly idleMs?: number | undefined;
}

interface TailEnd {
  readonly reason: string;
  readonly detail: string;
  readonly position: FeedPosition;
}

/**
 * New records as they get their seq, each once and in order. Iterate over it with `for await`, once.
 *
 * A connection that breaks, or over which nothing comes, is replaced, and the iteration continues after the last
 * record. It ends with the same errors as a {@link Feed}.
 */
export class Tail implements AsyncIterable<FeedItem> {
  readonly #transport: Transport;
  readonly #path: string;
  readonly #follower: Follower;
  readonly #idleMs: number;

  /** @internal */
  constructor(transport: Transport, path: string, options: TailOptions) {
    this.#transport = transport;
    this.#path = path;
    this.#follower = new Follower(options, "head");
    this.#idleMs = options.idleMs ?? IDLE_MS;
  }

  /**
   * The position after the last record of the iteration, and after records that do not match; undefined before the
   * first response. Store it after the record was processed, and start after it next time.
   */
  get position(): FeedPosition | undefined {
    return this.#follower.position;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<FeedItem, void, void> {
    for (;;) {
      const connection = new Connection(this.#follower.signal, this.#idleMs);
      try {
        yield* this.#records(connection);
      } catch (error) {
        await this.#follower.retryAfter(connection.explain(error));
        continue;
      } finally {
        connection.close();
      }
      await this.#follower.pause(ENDED_MS);
    }
  }

  /** The records of one response. */
  async *#records(connection: Connection): AsyncGenerator<FeedItem, void, void> {
    const follower = this.#follower;
    const stream = await this.#transport.stream({
      method: "GET",
      path: `${this.#path}/tail`,
      query: follower.parameters(),
      accept: "text/event-stream",
      signal: connection.signal,
    });
    for await (const { name, data } of events(stream, () => connection.touch())) {
      switch (name) {
        case "record": {
          const item = parseExactly(data) as FeedItem;
          follower.advance(item);
          // The time in which the record is processed does not count.
          connection.pause();
          yield item;
          connection.touch();
          break;
        }
        case "position":
          follower.position = parseExactly(data) as FeedPosition;
          break;
        case "end": {
          const end = parseExactly(data) as TailEnd;
          ended(end);
          follower.position = end.position;
          return;
        }
        default:
      }
      follower.succeeded();
    }
    throw AuditrailError.local("unreachable", "the service closed the connection");
  }
}

/** Throws if the position is unknown; after any other reason the next request tells whether to go on. */
function ended({ reason: code, detail }: TailEnd): void {
  if (code === "position_unknown") {
    throw new AuditrailError({ code, detail, status: 410 });
  }
}

/** One connection: it is closed by the caller's signal, or if nothing comes for too long. */
class Connection {
  readonly #controller = new AbortController();
  readonly #caller: AbortSignal | undefined;
  readonly #idleMs: number;
  #timer: NodeJS.Timeout | undefined;
  #isIdle = false;
  readonly #abort = (): void => this.#controller.abort();

  constructor(caller: AbortSignal | undefined, idleMs: number) {
    this.#caller = caller;
    this.#idleMs = idleMs;
    if (caller?.aborted) {
      this.#abort();
    }
    caller?.addEventListener("abort", this.#abort, { once: true });
    this.touch();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Bytes have arrived. */
  touch(): void {
    this.pause();
    this.#timer = setTimeout(() => {
      this.#isIdle = true;
      this.#abort();
    }, this.#idleMs);
  }

  /** Stops measuring the time without bytes. */
  pause(): void {
    clearTimeout(this.#timer);
  }

  close(): void {
    this.pause();
    this.#caller?.removeEventListener("abort", this.#abort);
    this.#abort();
  }

  /** An error of the stream, as one of this package. */
  explain(error: unknown): AuditrailError {
    if (this.#isIdle) {
      return AuditrailError.local("timeout", `nothing came from the service within ${this.#idleMs} ms`);
    }
    return error instanceof AuditrailError ? error : AuditrailError.local("unreachable", reason(error), error);
  }
}
