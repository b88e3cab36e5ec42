/** Behavior specific to Express. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import { after, describe, it } from "node:test";

import express from "express";

import { auditrail, type ExpressAudit, type AuditedRequest } from "../src/express.js";
import { Policy, type Recorder } from "../src/index.js";
import { recorder } from "./recorder-fixtures.js";
import { stored, unique, until } from "./support.js";

const POLICY = `
version = 1
failure = "best_effort"
[[rule]]
route = "/v1/{kind}"
action = "thing.used"
target_type = "thing"
target_id = { path = "kind" }
`;

interface Running {
  readonly url: string;
  readonly actor: string;
  readonly policy: Policy;
  readonly here: Recorder;
}

async function start(
  build: (app: express.Application, audit: ExpressAudit<AuditedRequest>) => void,
  rules = POLICY,
): Promise<Running> {
  const [actor, policy, here] = [unique(), Policy.parse(rules), await recorder(undefined)];
  const app = express();
  build(app, auditrail({ recorder: here, policy, actor: () => ({ actor: { type: "user", id: actor } }) }));
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, actor, policy, here };
}

async function outcomes({ here, actor }: Running, count: number): Promise<unknown[]> {
  await until(() => here.stats().sent === count, `${count} records`);
  return (await stored(actor)).map((record) => record.metadata?.["outcome"]);
}

describe("Express", () => {
  it("distinguishes a failure during the response from a disconnect", async () => {
    const running = await start((app, audit) => {
      app.use(audit);
      app.post("/v1/broken", (_request, response) => {
        response.write("the beginning");
        throw new Error("a bug of the handler");
      });
      app.use(audit.errors);
      // As the default error handler of Express does, without printing the stack.
      app.use((_error: unknown, request: express.Request, _response: express.Response, _next: express.NextFunction) => {
        request.socket.destroy();
      });
    });
    const asked = fetch(`${running.url}/v1/broken`, { method: "POST" });
    await assert.rejects(asked.then((response) => response.text()));
    assert.deepEqual(await outcomes(running, 1), ["error"]);
  });

  it("uses the status of the error", async () => {
    const running = await start((app, audit) => {
      app.use(audit);
      app.post("/v1/wrong", () => {
        throw Object.assign(new Error("no"), { status: 418 });
      });
      app.use(audit.errors);
      app.use((_error: unknown, _request: express.Request, response: express.Response, _next: express.NextFunction) => {
        response.status(418).end();
      });
    });
    await fetch(`${running.url}/v1/wrong`, { method: "POST" });
    assert.deepEqual(await outcomes(running, 1), ["failure"]);
  });

  it("records once when mounted twice, with the full path of nested routes", async () => {
    const running = await start((app, audit) => {
      const router = express.Router();
      router.post("/inner/:id", (_request, response) => void response.end());
      app.use(audit);
      app.use(audit);
      app.use("/outer", router);
      app.post("/v1/thing", (_request, response) => void response.end());
    });
    await fetch(`${running.url}/v1/thing`, { method: "POST" });
    await fetch(`${running.url}/outer/inner/7`, { method: "POST" });
    assert.deepEqual(await outcomes(running, 1), ["success"]);
    await until(() => running.policy.coverage().uncoveredRequests === 1, "both requests");
    assert.equal(running.policy.coverage().uncovered[0]?.route, "/outer/inner/:id");
  });

  it("does not record after a middleware with another policy", async () => {
    let inner: ExpressAudit<AuditedRequest> | undefined;
    const running = await start((app, audit) => {
      const recorder = { spools: false, record: () => assert.fail("the first policy decides") } as unknown as Recorder;
      const other = Policy.parse('version = 1\nfailure = "best_effort"\n[[rule]]\nroute = "/{*all}"\naction = "a.b"\ntarget_type = "t"\n');
      inner = auditrail({ recorder, policy: other, actor: () => undefined });
      app.use(audit);
      app.use(inner);
      app.post("/v1/thing", (_request, response) => void response.end());
    });
    await fetch(`${running.url}/v1/thing`, { method: "POST" });
    assert.deepEqual(await outcomes(running, 1), ["success"]);
    assert.deepEqual([inner?.stats().overruled, inner?.stats().recorded], [1, 0]);
  });

  it("counts success as uncovered if rules match other statuses only", async () => {
    const rule = 'version = 1\nfailure = "best_effort"\n[[rule]]\nroute = "/{*rest}"\nstatus = ["401"]\naction = "access.refused"\ntarget_type = "route"\n';
    const running = await start(
      (app, audit) => {
        app.use(audit);
        app.post("/refunds/:id", (_request, response) => void response.status(202).end());
        app.post("/refused", (_request, response) => void response.status(401).end());
        app.post("/wrong", (_request, response) => void response.status(409).end());
      },
      rule,
    );
    for (const path of ["/refunds/7", "/refused", "/wrong"]) {
      await fetch(`${running.url}${path}`, { method: "POST" });
    }
    await until(() => running.policy.coverage().covered === 2, "all requests");
    assert.deepEqual(running.policy.coverage().uncovered, [{ method: "POST", route: "/refunds/:id", requests: 1 }]);
  });

  it("names requests without a route by their path only", async () => {
    const running = await start((app, audit) => {
      app.use(audit);
      app.use((_request, response) => void response.end());
    });
    const { hostname, port } = new URL(running.url);
    const socket = connect(Number(port), hostname);
    socket.end("POST http://user:secret@host/elsewhere?token=secret HTTP/1.0\r\nConnection: close\r\n\r\n");
    await once(socket.resume(), "close");
    await until(() => running.policy.coverage().uncoveredRequests === 1, "the request");
    assert.deepEqual(running.policy.coverage().uncovered, [{ method: "POST", route: "/elsewhere", requests: 1 }]);
  });

  it("records a connection closed by the server as a timeout", async () => {
    const running = await start((app, audit) => {
      app.use((request, _response, next) => {
        request.socket.setTimeout(50);
        next();
      });
      app.use(audit);
      app.post("/v1/slow", () => undefined);
    });
    await assert.rejects(fetch(`${running.url}/v1/slow`, { method: "POST" }));
    assert.deepEqual(await outcomes(running, 1), ["timeout"]);
  });
});
