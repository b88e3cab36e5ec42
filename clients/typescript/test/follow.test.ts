/** Following the log: each record once and in order, across faults, servers and restarts. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, describe, it } from "node:test";

import { AuditrailError, type FeedItem, type FeedPosition, type FollowOptions } from "../src/index.js";
import { Proxy } from "./proxy.js";
import { client, databaseUrl, makeKey, sample, service, temporary, unique, until } from "./support.js";

/** Writes records of an actor, and waits until they have a seq. */
async function write(actor: string, from: number, to: number): Promise<void> {
  const inputs = Array.from({ length: to - from }, (_, n) => sample(actor, { target_id: String(from + n) }));
  await client().createBatch(inputs);
  await until(async () => {
    const seqs: number[] = [];
    for await (const { seq } of client().feed({ filters: { actor_id: actor }, follow: false, limit: 1_000 })) {
      seqs.push(seq);
    }
    return seqs.length >= to;
  }, "the records have a seq");
}

/** The next items. */
async function take(items: AsyncIterable<FeedItem>, count: number): Promise<FeedItem[]> {
  const taken: FeedItem[] = [];
  if (count > 0) {
    for await (const item of items) {
      taken.push(item);
      if (taken.length === count) {
        break;
      }
    }
  }
  return taken;
}

/** Asserts that these are the records of an actor with these numbers, once and in order. */
function assertNumbers(items: readonly FeedItem[], from: number, to: number): void {
  const numbers = items.map((item) => Number(item.target_id)).sort((a, b) => a - b);
  assert.deepEqual(numbers, Array.from({ length: to - from }, (_, n) => from + n));
  assert.ok(items.every((item, n) => n === 0 || item.seq > (items[n - 1]?.seq ?? -1)));
}

/** The head of the log. Other tests write meanwhile. */
async function head(): Promise<FeedPosition> {
  const feed = client().feed({ after: "head", filters: { actor_id: unique() }, follow: false });
  assert.deepEqual(await take(feed, 1), []);
  assert.ok(feed.position);
  return feed.position;
}

describe("a feed", () => {
  it("returns each record once across faults", async () => {
    const actor = unique();
    await write(actor, 0, 40);
    const proxy = await Proxy.start();
    proxy.next.push(
      { kind: "reset" },
      { kind: "reset_after" },
      { kind: "answer", status: 502, body: "<html>" },
      { kind: "pass" },
      { kind: "reset_after" },
      { kind: "answer", status: 503, headers: { "retry-after": "0" } },
    );
    const feed = client(proxy.url).feed({ filters: { actor_id: actor }, limit: 7, follow: false });
    assertNumbers(await take(feed, 40), 0, 40);
  });

  it("continues at a stored position", async () => {
    const actor = unique();
    await write(actor, 0, 10);
    const options = { filters: { actor_id: actor }, limit: 4 };
    const first = client().feed(options);
    const items = await take(first, 6);
    const after = JSON.parse(JSON.stringify(first.position)) as FeedPosition;
    assert.deepEqual(after, { seq: items[5]?.seq, id: items[5]?.id });
    const rest = client().feed({ ...options, after });
    const [more] = await Promise.all([take(rest, 6), write(actor, 10, 12)]);
    assertNumbers([...items, ...more], 0, 12);
  });

  it("ends at the head with follow: false", async () => {
    const actor = unique();
    await write(actor, 0, 3);
    const feed = client().feed({ filters: { actor_id: actor }, follow: false });
    assertNumbers(await take(feed, 100), 0, 3);
    assert.ok((feed.position?.seq ?? -1) >= 2);
  });
});

describe("a tail", () => {
  it("returns each record once while its connections are cut", async () => {
    const actor = unique();
    const start = await head();
    const proxy = await Proxy.start();
    // Also within the head of the response, an event and a character.
    proxy.next.push(
      { kind: "reset" },
      ...[1, 50, 333, 700, 1_500, 2_801, 5_003].map((bytes) => ({ kind: "cut" as const, bytes })),
    );
    const tail = client(proxy.url).tail({ after: start, filters: { actor_id: actor } });
    const [items] = await Promise.all([take(tail, 60), write(actor, 0, 60)]);
    assertNumbers(items, 0, 60);
    assert.ok(proxy.seen >= 8, String(proxy.seen));
    assert.deepEqual(tail.position, { seq: items[59]?.seq, id: items[59]?.id });
  });

  it("starts at the head, and replaces a silent connection", async () => {
    const actor = unique();
    await write(actor, 0, 1);
    const proxy = await Proxy.start();
    // Nothing after some bytes of the first position.
    proxy.next.push({ kind: "stall", bytes: 60 });
    const tail = client(proxy.url).tail({ filters: { actor_id: actor }, idleMs: 500 });
    const taking = take(tail, 2);
    await until(() => tail.position !== undefined, "the tail is at the head");
    assert.ok(proxy.seen >= 2, String(proxy.seen));
    await write(actor, 1, 3);
    assertNumbers(await taking, 1, 3);
  });

  it("continues at another server when its server shuts down", async () => {
    const actor = unique();
    const server = await Server.start();
    const proxy = await Proxy.start();
    proxy.target = server.url;
    const tail = client(proxy.url).tail({ after: await head(), filters: { actor_id: actor } });
    const taking = take(tail, 6);
    await write(actor, 0, 3);
    await until(async () => (await head()).seq <= (tail.position?.seq ?? -1), "the first records have come");
    proxy.target = service.url;
    await server.stop();
    await write(actor, 3, 6);
    assertNumbers(await taking, 0, 6);
  });
});

for (const kind of ["feed", "tail"] as const) {
  const open = (options: FollowOptions, key = service.key): AsyncIterable<FeedItem> => client(service.url, key)[kind](options);

  describe(`a ${kind}`, () => {
    it("rejects a position of another history", async () => {
      const { seq } = await head();
      const other = "01890a5d-ac96-774b-bcce-b302099a8057";
      for (const after of [{ seq, id: other }, { seq: seq + 1_000_000, id: null }]) {
        await assert.rejects(take(open({ after }), 1), (error: unknown) => {
          assert.ok(error instanceof AuditrailError);
          assert.deepEqual([error.code, error.status], ["position_unknown", 410]);
          return true;
        });
      }
    });

    it("rejects a key without the scope and invalid filters", async () => {
      const { key } = await makeKey(["write"]);
      await assert.rejects(take(open({}, key), 1), { code: "wrong_scope" });
      await assert.rejects(take(open({ filters: { action: "*" } }), 1), { code: "invalid_parameter" });
    });

    it("ends with its signal, while it waits and before", async () => {
      const controller = new AbortController();
      const taking = take(open({ after: "head", filters: { actor_id: unique() }, signal: controller.signal }), 1);
      setTimeout(() => controller.abort(), 300);
      await assert.rejects(taking, { code: "aborted" });
      await assert.rejects(take(open({ signal: controller.signal }), 1), { code: "aborted" });
    });
  });
}

/** Another server of the same database. */
class Server {
  readonly #child;
  url = "";

  private constructor() {
    const args = ["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--json"];
    const env = { ...process.env, DATABASE_URL: databaseUrl, AUDITRAIL_LOG: "warn" };
    const stdio: ["ignore", "pipe", "ignore"] = ["ignore", "pipe", "ignore"];
    this.#child = spawn(process.env["AUDITRAIL_TS_PROGRAM"] ?? "", args, { cwd: temporary(), env, stdio });
    after(() => this.#child.kill("SIGKILL"));
  }

  static async start(): Promise<Server> {
    const server = new Server();
    let text = "";
    server.#child.stdout.on("data", (bytes: Buffer) => (text += String(bytes)));
    await until(() => text.includes("\n"), "the server has started");
    server.url = (JSON.parse(text) as { listen: string }).listen;
    return server;
  }

  async stop(): Promise<void> {
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await exited;
  }
}
