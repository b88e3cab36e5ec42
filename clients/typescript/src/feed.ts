/** Reads the log in the order of the seq, page by page. */
import { monotonic } from "./clock.js";
import { type FeedItem, Follower, type FollowOptions } from "./follow.js";
import type { Transport } from "./transport.js";
import type { FeedPosition } from "./types.js";

/** How long the service waits for the next record, in seconds: less than proxies usually allow. */
const WAIT_SECONDS = 20;
/** Timeout of a request that waits, in milliseconds. */
const WAIT_TIMEOUT_MS = 40_000;
/** Pause if the service responded without a record and without waiting, as it does during a shutdown. */
const EARLY_MS = 500;

/** Options of a feed. */
export interface FeedOptions extends FollowOptions {
  /** Records per request, 1 to 1,000. Default 100. */
  readonly limit?: number | undefined;
  /** Whether to wait for new records at the head instead of ending there. Default true. */
  readonly follow?: boolean | undefined;
}

interface FeedPage {
  readonly data: readonly FeedItem[];
  readonly position: FeedPosition;
  readonly has_more: boolean;
}

/**
 * Every record once, in the order of its seq. Iterate over it with `for await`, once.
 *
 * Failed requests are retried without a limit, at any server of the service. It ends with an error that a retry does
 * not help against: `position_unknown` if the log was restored to an earlier state, an API key that is not accepted,
 * invalid filters, or `aborted`.
 */
export class Feed implements AsyncIterable<FeedItem> {
  readonly #transport: Transport;
  readonly #path: string;
  readonly #follower: Follower;
  readonly #limit: number;
  readonly #follows: boolean;

  /** @internal */
  constructor(transport: Transport, path: string, options: FeedOptions) {
    this.#transport = transport;
    this.#path = path;
    this.#follower = new Follower(options, -1);
    this.#limit = options.limit ?? 100;
    this.#follows = options.follow ?? true;
  }

  /**
   * The position after the last record of the iteration, and after records that do not match; undefined at the
   * head, before the first response. Store it after the record was processed, and start after it next time.
   */
  get position(): FeedPosition | undefined {
    return this.#follower.position;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<FeedItem, void, void> {
    const follower = this.#follower;
    let hasMore = true;
    while (hasMore || this.#follows) {
      const waits = this.#follows && !hasMore;
      const started = monotonic();
      let page: FeedPage;
      try {
        page = await this.#page(waits);
      } catch (error) {
        await follower.retryAfter(error);
        continue;
      }
      follower.succeeded();
      for (const item of page.data) {
        follower.advance(item);
        yield item;
      }
      follower.position = page.position;
      hasMore = page.has_more;
      if (waits && page.data.length === 0 && !hasMore && monotonic() - started < EARLY_MS) {
        await follower.pause(EARLY_MS);
      }
    }
  }

  async #page(waits: boolean): Promise<FeedPage> {
    const query = this.#follower.parameters();
    query.set("limit", String(this.#limit));
    if (waits) {
      query.set("wait", String(WAIT_SECONDS));
    }
    const { body } = await this.#transport.json({
      method: "GET",
      path: `${this.#path}/feed`,
      query,
      signal: this.#follower.signal,
      timeoutMs: waits ? WAIT_TIMEOUT_MS : undefined,
    });
    return body as FeedPage;
  }
}
