/** The end of a response waits until its record is durable, and for nothing else. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { request as ask, type ServerResponse } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { after, describe, it } from "node:test";

import express from "express";
import fastify from "fastify";

import { auditrail as forExpress } from "../src/express.js";
import { auditrail as forFastify } from "../src/fastify.js";
import { type AuditRecord, AuditrailError, type FailurePolicy, Policy, type Recorder } from "../src/index.js";
import { FRAMEWORKS, thingPolicy as policy } from "./applications.js";
import { spooling } from "./recorder-fixtures.js";
import { stored, unique, until } from "./support.js";

/** A recorder whose `record` settles only after `open`. */
async function gated(): Promise<{ here: Recorder; asked: () => number; open: (failed?: Error) => void }> {
  const here = await spooling(undefined);
  const record = here.record.bind(here);
  let [asked, open] = [0, (_failed?: Error): void => undefined];
  const gate = new Promise<void>((resolve, reject) => (open = (failed) => (failed ? reject(failed) : resolve())));
  gate.catch(() => undefined);
  here.record = async (...args) => {
    asked += 1;
    const recorded = record(...args);
    await gate;
    return recorded;
  };
  return { here, asked: () => asked, open: (failed) => open(failed) };
}

/** Whether a promise is settled after 50 turns of the event loop. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  promise.then(() => (done = true), () => (done = true));
  for (let turn = 0; turn < 50; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  return done;
}

const outcomes = (records: readonly AuditRecord[]): unknown[] => records.map(({ metadata }) => metadata?.["outcome"]);

async function listening(app: express.Application): Promise<string> {
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

for (const [name, start] of Object.entries(FRAMEWORKS)) {
  describe(`the end of a response with ${name}`, () => {
    const made = async (failure: FailurePolicy, here: Recorder): Promise<{ actor: string; answer: () => Promise<string> }> => {
      const actor = unique();
      const routes = { "POST /things/:id": ({ send }: { send: (status: number, body: unknown) => void }) => send(201, { a: "é" }) };
      const { url } = await start({ recorder: here, policy: policy(failure), routes });
      const answer = async (): Promise<string> => {
        const response = await fetch(`${url}/things/1`, { method: "POST", headers: { "x-user": actor } });
        return `${response.status} ${await response.text()}`;
      };
      return { actor, answer };
    };

    it("waits until the record is durable", async () => {
      const { here, asked, open } = await gated();
      const { actor, answer } = await made("spool", here);
      const answered = answer();
      await until(() => asked() === 1, "the record");
      assert.equal(await settled(answered), false);
      open();
      assert.equal(await answered, '201 {"a":"é"}');
      await here.flush();
      assert.deepEqual(outcomes(await stored(actor)), ["success"]);
    });

    it("is sent if the record is rejected", async () => {
      const { here, asked, open } = await gated();
      const { answer } = await made("spool", here);
      const answered = answer();
      await until(() => asked() === 1, "the record");
      open(AuditrailError.local("spool_failed", "no disk"));
      assert.equal(await answered, '201 {"a":"é"}');
    });

    it("does not wait for a best_effort record", async () => {
      const { here, asked, open } = await gated();
      const { answer } = await made("best_effort", here);
      assert.equal(await answer(), '201 {"a":"é"}');
      await until(() => asked() === 1, "the record");
      open();
    });
  });
}

describe("a held response", () => {
  it("looks ended to the application and is immutable", async () => {
    const { here, asked, open } = await gated();
    const app = express();
    const seen: unknown[] = [];
    let response: ServerResponse | undefined;
    app.use(forExpress({ recorder: here, policy: Policy.parse(policy("spool")), actor: () => undefined }));
    app.post("/things/:id", (_request, answer) => {
      response = answer;
      answer.on("error", (error: NodeJS.ErrnoException) => seen.push(error.code));
      answer.status(201).json({ id: 1 });
      seen.push(answer.headersSent, answer.writableEnded);
      answer.statusCode = 500;
      assert.throws(() => answer.status(500).json({}), { code: "ERR_HTTP_HEADERS_SENT" });
      assert.throws(() => answer.writeHead(500), { code: "ERR_HTTP_HEADERS_SENT" });
      answer.end("twice");
    });
    const answered = fetch(`${await listening(app)}/things/1`, { method: "POST" });
    await until(() => asked() === 1, "the record");
    assert.equal(await settled(answered), false);
    open();
    const got = await answered;
    assert.deepEqual([got.status, got.headers.get("content-length"), await got.json()], [201, "8", { id: 1 }]);
    // The same as in Node.
    assert.deepEqual(seen, [true, true, "ERR_STREAM_WRITE_AFTER_END"]);
    assert.deepEqual([response?.statusCode, response?.headersSent, response?.writableEnded], [201, true, true]);
    assert.throws(() => response?.setHeader("a", "b"), { code: "ERR_HTTP_HEADERS_SENT" });
  });

  it("may have started, be piped, or have no body", async () => {
    const { here, asked, open } = await gated();
    const app = express();
    app.use(forExpress({ recorder: here, policy: Policy.parse(policy("spool")), actor: () => undefined }));
    app.post("/things/stream", (request, answer) => void request.pipe(answer));
    app.post("/things/nothing", (_request, answer) => void answer.status(204).end());
    app.head("/things/head", (_request, answer) => void answer.send("x"));
    const url = await listening(app);
    const piped = fetch(`${url}/things/stream`, { method: "POST", body: "abc" }).then((response) => response.text());
    const empty = fetch(`${url}/things/nothing`, { method: "POST" });
    const head = fetch(`${url}/things/head`, { method: "HEAD" });
    await until(() => asked() === 3, "the records");
    assert.deepEqual(await Promise.all([piped, empty, head].map(settled)), [false, false, false]);
    open();
    assert.equal(await piped, "abc");
    assert.equal((await empty).status, 204);
    assert.equal((await head).headers.get("content-length"), "1");
  });

  it("holds the chunk that completes its content length", async () => {
    const { here, asked, open } = await gated();
    const app = express();
    app.use(forExpress({ recorder: here, policy: Policy.parse(policy("spool")), actor: () => undefined }));
    app.post("/things/:id", (_request, answer) => {
      answer.setHeader("content-length", 6);
      Readable.from([Buffer.from("é"), Buffer.from("ab"), Buffer.from("cd")]).pipe(answer);
    });
    const response = await fetch(`${await listening(app)}/things/1`, { method: "POST" });
    const text = response.text();
    await until(() => asked() === 1, "the record");
    assert.equal(await settled(text), false);
    open();
    assert.equal(await text, "éabcd");
    // The connection is reusable.
    assert.equal((await fetch(`${response.url}`, { method: "POST" })).status, 200);
  });

  it("may be started by a middleware that wraps its end", async () => {
    const { here, open } = await gated();
    open();
    const app = express();
    app.use(forExpress({ recorder: here, policy: Policy.parse(policy("spool")), actor: () => undefined }));
    // As `express-session` does: at the end it sends the headers if they are not sent.
    app.use((_request, answer, next) => {
      const end = answer.end.bind(answer) as (text?: unknown) => express.Response;
      answer.end = ((text?: unknown) => {
        if (!("_header" in answer && answer._header)) {
          answer.writeHead(answer.statusCode);
        }
        return end(text);
      }) as typeof answer.end;
      next();
    });
    app.post("/things/whole", (_request, answer) => void answer.json({ id: 1 }));
    app.post("/things/parts", (_request, answer) => {
      answer.setHeader("content-length", 2);
      Readable.from([Buffer.from("ab")]).pipe(answer);
    });
    const url = await listening(app);
    const whole = await fetch(`${url}/things/whole`, { method: "POST" });
    assert.deepEqual([whole.status, await whole.json()], [200, { id: 1 }]);
    const parts = await fetch(`${url}/things/parts`, { method: "POST" });
    assert.deepEqual([parts.status, parts.headers.get("content-length"), await parts.text()], [200, "2", "ab"]);
  });

  it("lets middleware mounted before set headers at the end", async () => {
    const { here, open } = await gated();
    open();
    const app = express();
    // As `compression` does.
    app.use((_request, answer, next) => {
      const end = answer.end.bind(answer) as (text?: unknown) => express.Response;
      answer.end = ((text?: unknown) => {
        if (!answer.headersSent && !answer.writableEnded) {
          answer.setHeader("x-late", "yes");
        }
        return end(text);
      }) as typeof answer.end;
      next();
    });
    app.use(forExpress({ recorder: here, policy: Policy.parse(policy("spool")), actor: () => undefined }));
    app.post("/things/:id", (_request, answer) => void answer.json({ id: 1 }));
    const response = await fetch(`${await listening(app)}/things/1`, { method: "POST" });
    assert.deepEqual([response.headers.get("x-late"), await response.json()], ["yes", { id: 1 }]);
  });

  it("leaves one record if the client disconnects meanwhile", async () => {
    const { here, asked, open } = await gated();
    const actor = unique();
    const app = express();
    app.use(forExpress({ recorder: here, policy: Policy.parse(policy("spool")), actor: () => ({ actor: { type: "user", id: actor } }) }));
    let closed = false;
    app.post("/things/:id", (_request, answer) => {
      answer.on("close", () => (closed = true));
      answer.json({});
    });
    const caller = ask(`${await listening(app)}/things/1`, { method: "POST" });
    caller.on("error", () => undefined);
    caller.end();
    await until(() => asked() === 1, "the record");
    caller.destroy();
    await until(() => closed, "the end of the connection");
    open();
    await until(() => here.stats().sent === 1, "delivery");
    assert.deepEqual(outcomes(await stored(actor)), ["success"]);
    assert.equal(asked(), 1);
  });

  it("is an error if the handler throws right after ending it", async () => {
    const here = await spooling(undefined);
    const actor = unique();
    const audit = forExpress({
      recorder: here,
      policy: Policy.parse(policy("spool")),
      actor: () => ({ actor: { type: "user", id: actor } }),
    });
    const app = express();
    app.use(audit);
    app.post("/things/:id", (_request, answer) => {
      answer.json({});
      throw new Error("after the end");
    });
    app.use(audit.errors);
    app.use((_error: unknown, _request: unknown, _response: unknown, _next: unknown) => undefined);
    assert.equal((await fetch(`${await listening(app)}/things/1`, { method: "POST" })).status, 200);
    await here.flush();
    assert.deepEqual(outcomes(await stored(actor)), ["error"]);
  });

  it("throws at once for chunks that Node rejects", async () => {
    const here = await spooling(undefined);
    const actor = unique();
    const app = express();
    app.use(forExpress({ recorder: here, policy: Policy.parse(policy("spool")), actor: () => ({ actor: { type: "user", id: actor } }) }));
    app.post("/things/:id", (_request, answer) => {
      assert.throws(() => answer.end(5), { code: "ERR_INVALID_ARG_TYPE" });
      answer.status(400).end("no");
    });
    assert.equal((await fetch(`${await listening(app)}/things/1`, { method: "POST" })).status, 400);
    await here.flush();
    assert.deepEqual(outcomes(await stored(actor)), ["failure"]);
  });

  it("waits with HTTP/2 too", async () => {
    const { here, asked, open } = await gated();
    const app = fastify({ http2: true });
    await app.register(forFastify({ recorder: here, policy: Policy.parse(policy("spool")), actor: () => undefined }));
    app.post("/things/:id", () => ({ id: 1 }));
    await app.listen({ port: 0, host: "127.0.0.1" });
    const session = connectHttp2(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`);
    const stream = session.request({ ":method": "POST", ":path": "/things/1" });
    let text = "";
    stream.on("data", (bytes: Buffer) => (text += bytes.toString()));
    const ended = once(stream, "end");
    stream.end();
    await until(() => asked() === 1, "the record");
    assert.equal(await settled(ended), false);
    open();
    await ended;
    assert.equal(text, '{"id":1}');
    session.destroy();
    await app.close();
  });
});
