/** Memory usage during a hundred thousand requests while the service is unreachable. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, it } from "node:test";

import { type App, DISTINCT, FRAMEWORKS, thingPolicy } from "./applications.js";
import { Proxy } from "./proxy.js";
import { balanced, spooling } from "./recorder-fixtures.js";
import { live, until } from "./support.js";

const REQUESTS = 100_000;
const CONNECTIONS = 25;
/** Requests pipelined on one connection. */
const PIPELINED = 10;
const QUEUE_MAX_BYTES = 4 * 1024 * 1024;
/** The queue, its bookkeeping, and the framework; all records would take five times as much. */
const MAY_GROW = 24 * 1024 * 1024;

const ONE = "POST /things/p1 HTTP/1.1\r\nhost: a\r\nx-user: ana\r\ncontent-length: 0\r\n\r\n";

/** Sends requests over one connection and waits for all responses, which must have status 201. */
async function send(url: string, requests: number): Promise<void> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  await once(socket, "connect");
  let [answered, asked, rest] = [0, 0, ""];
  socket.setEncoding("latin1");
  const more = (): void => {
    const next = Math.min(PIPELINED, requests - asked);
    asked += next;
    socket.write(ONE.repeat(next));
  };
  more();
  for await (const text of socket) {
    rest += text as string;
    answered += rest.split("HTTP/1.1 201 ").length - 1;
    // A status line split between chunks is counted with its second part.
    rest = rest.slice(-12);
    if (answered === requests) {
      break;
    }
    if (answered === asked) {
      more();
    }
  }
  assert.equal(answered, requests);
}

/** Sends all requests and returns the peak memory in use. */
async function flood({ url }: App): Promise<number> {
  let most = 0;
  for (let round = 0; round < 10; round += 1) {
    const each = REQUESTS / 10 / CONNECTIONS;
    await Promise.all(Array.from({ length: CONNECTIONS }, () => send(url, each)));
    most = Math.max(most, live());
  }
  return most;
}

for (const name of DISTINCT) {
  describe(`100,000 requests with ${name} while the service is down`, () => {
    for (const failure of ["spool", "best_effort"] as const) {
      it(`${failure}: memory is bounded, and every record is pending or counted`, async (test) => {
        const proxy = await Proxy.start();
        await proxy.stop();
        const recorder = await spooling(proxy.url, { queueMaxBytes: QUEUE_MAX_BYTES });
        const app = await FRAMEWORKS[name]?.({
          recorder,
          policy: thingPolicy(failure),
          routes: { "POST /things/:id": ({ send }) => send(201, {}) },
        });
        assert.ok(app);
        await send(app.url, 1_000);
        const before = live();
        const grown = (await flood(app)) - before;
        const accepted = REQUESTS + 1_000;
        await until(() => recorder.stats().accepted === accepted, "the last records");
        test.diagnostic(`grown by ${(grown / 1024 / 1024).toFixed(1)} MiB`);
        assert.ok(grown < MAY_GROW);
        if (failure === "spool") {
          await until(() => recorder.stats().spooled === accepted, "the disk");
          assert.equal(app.stats().lost, 0);
        }
        const { pending, dropped } = recorder.stats();
        const lost = Object.values(dropped).reduce((sum, count) => sum + count, 0);
        assert.equal(pending + lost, accepted);
        assert.equal(lost > 0, failure === "best_effort");
        assert.ok(balanced(recorder));
      });
    }
  });
}
