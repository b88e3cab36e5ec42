/** Edge cases of the middleware: unusual clients, handlers and other middleware. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { type AddressInfo, connect } from "node:net";
import { after, describe, it } from "node:test";
import { createGzip } from "node:zlib";

import express from "express";
import fastify from "fastify";

import { auditrail as forExpress, type AuditedRequest, type ExpressAudit, type Principal } from "../src/express.js";
import { auditrail as forFastify } from "../src/fastify.js";
import { type AuditRecord, type JsonObject, Policy, type Recorder } from "../src/index.js";
import { recorder } from "./recorder-fixtures.js";
import { stored, unique, until } from "./support.js";

const POLICY = `
version = 1
failure = "best_effort"

[[rule]]
methods = ["DELETE", "PUT"]
route = "/things/{id}"
action = "thing.deleted"
target_type = "thing"
target_id = { path = "id" }
failure = "must"

[[rule]]
methods = ["POST"]
route = "/made"
action = "thing.created"
target_type = "thing"
target_id = { response = "/id" }

[[rule]]
route = "/things/{id}"
action = "thing.used"
target_type = "thing"
target_id = { path = "id" }
`;

interface Running {
  readonly port: number;
  readonly url: string;
  readonly here: Recorder;
  readonly actor: string;
}

async function withExpress(
  build: (app: express.Application, audit: ExpressAudit<AuditedRequest>) => void,
  principal?: (actor: string, request: AuditedRequest) => Principal | undefined,
): Promise<Running> {
  const [actor, here] = [unique(), await recorder(undefined)];
  const who = principal ?? ((id: string): Principal => ({ actor: { type: "user", id } }));
  const app = express();
  build(app, forExpress({ recorder: here, policy: Policy.parse(POLICY), actor: (request) => who(actor, request) }));
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return { port, url: `http://127.0.0.1:${port}`, here, actor };
}

async function records({ here, actor }: Running, count: number): Promise<AuditRecord[]> {
  await until(async () => {
    await here.flush();
    return here.stats().sent >= count;
  }, `${count} records`);
  const found = (await stored(actor)).reverse();
  assert.equal(found.length, count);
  return found;
}

function outcomesOf(found: readonly AuditRecord[]): unknown[] {
  return found.map(({ metadata }) => [(metadata?.["http"] as JsonObject)["status"], metadata?.["outcome"]]);
}

describe("pipelined requests", () => {
  it("are all recorded, without a leak warning of Node", async (t) => {
    const warnings: Error[] = [];
    const warned = (warning: Error): void => {
      if (warning.name === "MaxListenersExceededWarning") {
        warnings.push(warning);
      }
    };
    process.on("warning", warned);
    t.after(() => process.off("warning", warned));
    const answers: express.Response[] = [];
    const running = await withExpress((app, audit) => {
      app.use(audit);
      app.get("/things/:id", (_request, response) => void answers.push(response));
    });
    const socket = connect(running.port, "127.0.0.1");
    t.after(() => socket.destroy());
    const ask = Array.from({ length: 20 }, (_, i) => `GET /things/${i} HTTP/1.1\r\nHost: a\r\n\r\n`);
    socket.write(ask.join(""));
    await until(() => answers.length === 20, "the handlers");
    answers.forEach((answer) => answer.end());
    const found = await records(running, 20);
    assert.equal(new Set(found.map(({ target_id }) => target_id)).size, 20);
    assert.deepEqual(warnings, []);
  });
});

describe("a handler that fails", () => {
  it("has the outcome of its response status with Express", async () => {
    const running = await withExpress((app, audit) => {
      app.use(audit);
      app.post("/things/:id", ({ params }) => {
        throw new Error(params.id);
      });
      app.use(audit.errors);
      app.use((error: Error, _request: express.Request, response: express.Response, _next: express.NextFunction) => {
        response.sendStatus(Number(error.message));
      });
    });
    for (const status of [404, 500, 202]) {
      await fetch(`${running.url}/things/${status}`, { method: "POST" });
    }
    // The last one is distinguished only by its failure.
    assert.deepEqual(outcomesOf(await records(running, 3)), [[404, "failure"], [500, "error"], [202, "error"]]);
  });

  it("has the outcome of its response status with Fastify", async () => {
    const [actor, here] = [unique(), await recorder(undefined)];
    const app = fastify();
    await app.register(
      forFastify({ recorder: here, policy: Policy.parse(POLICY), actor: () => ({ actor: { type: "user", id: actor } }) }),
    );
    app.post("/things/status", () => {
      throw Object.assign(new Error("as Express has it"), { status: 404 });
    });
    app.post("/things/set", (_request, reply) => {
      void reply.code(422);
      throw new Error("the status was set before");
    });
    app.post("/things/bug", () => {
      throw new Error("a bug");
    });
    for (const url of ["/things/status", "/things/set", "/things/bug"]) {
      await app.inject({ method: "POST", url });
    }
    const found = await records({ here, actor, port: 0, url: "" }, 3);
    assert.deepEqual(outcomesOf(found), [[404, "failure"], [422, "failure"], [500, "error"]]);
    await app.close();
  });
});

describe("HTTP/2", () => {
  it("distinguishes disconnects before and during a response from success", async () => {
    const [actor, here] = [unique(), await recorder(undefined)];
    const app = fastify({ http2: true });
    await app.register(
      forFastify({ recorder: here, policy: Policy.parse(POLICY), actor: () => ({ actor: { type: "user", id: actor } }) }),
    );
    app.post("/things/whole", () => ({}));
    let hanging = 0;
    app.post("/things/never", (_request, reply) => {
      hanging += 1;
      return reply;
    });
    app.post("/things/half", (_request, reply) => {
      reply.raw.writeHead(200);
      reply.raw.write("x");
      return reply;
    });
    await app.listen({ port: 0, host: "127.0.0.1" });
    const session = connectHttp2(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`);
    for (const [index, path] of ["/things/whole", "/things/half", "/things/never"].entries()) {
      const stream = session.request({ ":method": "POST", ":path": path });
      stream.resume();
      stream.on("error", () => undefined);
      stream.end();
      if (path === "/things/never") {
        await until(() => hanging === 1, "the handler");
        session.destroy();
      } else {
        await once(stream, "response");
        if (path === "/things/half") {
          stream.close(8);
        }
      }
      await until(() => here.stats().accepted === index + 1, path);
    }
    const found = await records({ here, actor, port: 0, url: "" }, 3);
    assert.deepEqual(outcomesOf(found), [[200, "success"], [200, "disconnected"], [null, "disconnected"]]);
    await app.close();
  });
});

describe("the actor", () => {
  it("may have a numeric id, as may the target", async () => {
    let actorId = "";
    const running = await withExpress(
      (app, audit) => {
        app.use(audit);
        app.post("/things/:id", ({ audit }, response) => {
          audit.setTarget({ id: 7 as unknown as string });
          response.end();
        });
      },
      (id) => {
        actorId = String(Number.parseInt(id.slice(2, 10), 16));
        const number = (of: string): string => Number(of) as unknown as string;
        return { actor: { type: "user", id: number(actorId) }, credential_id: number("5"), tenant_id: number("9") };
      },
    );
    await fetch(`${running.url}/things/1`, { method: "POST" });
    const [record] = await records({ ...running, actor: actorId }, 1);
    const { actor_id, target_id, tenant_id, metadata } = record ?? {};
    assert.deepEqual([actor_id, target_id, tenant_id, metadata?.["credential_id"]], [actorId, "7", "9", "5"]);
  });

  it("is unknown, and counted, if the principal is invalid", async () => {
    const principals = [{ type: "admin", id: "a" }, { type: "user", id: "" }, { type: "user" }, { type: "constructor", id: "a" }];
    let calls = 0;
    let audited: ExpressAudit<AuditedRequest> | undefined;
    const running = await withExpress(
      (app, audit) => {
        audited = audit;
        app.use(audit);
        app.post("/things/:id", (_request, response) => void response.end());
      },
      () => ({ actor: principals[calls++] as Principal["actor"] }),
    );
    while (calls < principals.length) {
      await fetch(`${running.url}/things/1`, { method: "POST" });
    }
    await until(() => running.here.stats().sent === principals.length, "the records");
    const { unknownActors, lost } = audited?.stats() ?? {};
    assert.deepEqual([unknownActors, lost, running.here.stats().refused], [principals.length, 0, 0]);
  });

  it("is resolved again after the handler if there was none before", async () => {
    let user: string | undefined;
    const running = await withExpress(
      (app, audit) => {
        app.use(audit);
        app.put("/things/:id", (_request, response) => {
          user = running.actor;
          response.end();
        });
        app.delete("/things/:id", (_request, response) => {
          user = undefined;
          response.end();
        });
      },
      () => (user === undefined ? undefined : { actor: { type: "user", id: user } }),
    );
    await fetch(`${running.url}/things/login`, { method: "PUT" });
    await fetch(`${running.url}/things/logout`, { method: "DELETE" });
    await until(() => running.here.stats().sent === 4, "all");
    const found = (await stored(running.actor)).map(({ target_id, metadata }) => [target_id, metadata?.["phase"]]);
    assert.deepEqual(found.reverse(), [["login", "outcome"], ["logout", "intent"], ["logout", "outcome"]]);
  });
});

describe("shutdown", () => {
  /** An extractor that resolves only after `resolveActor`; `called` waits for its call. */
  const slowActor = (actor: string): { extract: () => Promise<Principal>; resolveActor: () => void; called: () => Promise<void> } => {
    let calls = 0;
    let resolveActor = (): void => undefined;
    const resolved = new Promise<void>((resolve) => (resolveActor = resolve));
    const extract = async (): Promise<Principal> => {
      calls += 1;
      await resolved;
      return { actor: { type: "user", id: actor } };
    };
    return { extract, resolveActor: () => resolveActor(), called: () => until(() => calls === 1, "the call of the extractor") };
  };

  it("waits for pending actors with Express", async () => {
    const [actor, here] = [unique(), await recorder(undefined)];
    const { extract, resolveActor, called } = slowActor(actor);
    const audit = forExpress({ recorder: here, policy: Policy.parse(POLICY), actor: extract });
    const app = express();
    app.use(audit);
    app.post("/things/:id", (_request, response) => void response.end());
    const server = app.listen(0, "127.0.0.1");
    await once(server, "listening");
    await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/things/1`, { method: "POST" });
    await called();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    const ended = audit.settled().then(() => here.close());
    resolveActor();
    assert.deepEqual([(await ended).failed, here.stats().sent], [0, 1]);
  });

  it("waits for pending actors with Fastify", async () => {
    const [actor, here] = [unique(), await recorder(undefined)];
    const { extract, resolveActor, called } = slowActor(actor);
    const app = fastify();
    await app.register(forFastify({ recorder: here, policy: Policy.parse(POLICY), actor: extract }));
    app.post("/things/:id", () => ({}));
    await app.inject({ method: "POST", url: "/things/1" });
    await called();
    const ended = app.close().then(() => here.close());
    setImmediate(resolveActor);
    assert.deepEqual([(await ended).failed, here.stats().sent], [0, 1]);
  });
});

describe("the response body", () => {
  it("is captured if compression is mounted before", async () => {
    const running = await withExpress((app, audit) => {
      app.use((_request, response, next) => {
        const end = response.end.bind(response) as (bytes: Buffer) => express.Response;
        response.end = ((text: string) => {
          response.removeHeader("content-length");
          response.setHeader("content-encoding", "gzip");
          const [gzip, parts] = [createGzip(), [] as Buffer[]];
          gzip.on("data", (part: Buffer) => parts.push(part));
          gzip.on("end", () => end(Buffer.concat(parts)));
          gzip.end(text);
          return response;
        }) as typeof response.end;
        next();
      });
      app.use(audit);
      app.post("/made", (_request, response) => void response.json({ id: "p-1" }));
    });
    const response = await fetch(`${running.url}/made`, { method: "POST" });
    assert.deepEqual([response.headers.get("content-encoding"), await response.json()], ["gzip", { id: "p-1" }]);
    assert.deepEqual((await records(running, 1)).map(({ target_id }) => target_id), ["p-1"]);
  });

  it("excludes chunks after the end", async () => {
    const running = await withExpress((app, audit) => {
      app.use(audit);
      app.post("/made", (_request, response) => {
        response.on("error", () => undefined);
        response.type("json").end('{"id":"p-2"}');
        response.end('{"id":"p-3"}');
      });
    });
    assert.deepEqual(await (await fetch(`${running.url}/made`, { method: "POST" })).json(), { id: "p-2" });
    assert.deepEqual((await records(running, 1)).map(({ target_id }) => target_id), ["p-2"]);
  });
});
