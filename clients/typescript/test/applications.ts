/** The same small application on each framework. */
import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after } from "node:test";

import express from "express";
import express4 from "express4";
import fastify from "fastify";
import fastify4 from "fastify4";

import { type AuditHandle, auditrail as forExpress, type CaptureStats, type Principal } from "../src/express.js";
import { auditrail as forFastify } from "../src/fastify.js";
import { type FailurePolicy, Policy, type Recorder } from "../src/index.js";

/** The arguments of a handler, independent of the framework. */
export interface Call {
  readonly audit: AuditHandle;
  readonly body: unknown;
  readonly params: Readonly<Record<string, string>>;
  readonly send: (status: number, body: unknown) => void;
}

/** Handlers by route. */
export type Routes = Readonly<Record<string, (call: Call) => void>>;

/** Configuration of the application. */
export interface Setup {
  readonly recorder: Recorder;
  readonly policy: string;
  readonly routes: Routes;
  readonly timeoutMs?: number;
}

/** A running application. */
export interface App {
  readonly url: string;
  readonly policy: Policy;
  readonly stats: () => CaptureStats;
}

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** The principal, from a header of the tests. */
function principal(headers: Headers): Principal | undefined {
  const { "x-user": id, "x-admin": impersonator, "x-name": name, "x-system": system } = headers;
  if (id === "broken") {
    throw new Error("the session store is gone");
  }
  if (typeof system === "string") {
    return { actor: { type: "system", id: system } };
  }
  return typeof id === "string"
    ? {
        actor: { type: "user", id },
        credential_id: "session-1",
        ...(typeof name === "string" ? { name } : {}),
        ...(typeof impersonator === "string" ? { impersonator } : {}),
      }
    : undefined;
}

function split(route: string): readonly [string, string] {
  const [method = "", path = ""] = route.split(" ");
  return [method.toLowerCase(), path];
}

async function listening(server: Server): Promise<string> {
  await once(server, "listening");
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function expressApp(make: typeof express, setup: Setup): Promise<App> {
  const policy = Policy.parse(setup.policy);
  const audit = forExpress({ ...setup, policy, actor: (request) => principal(request.headers) });
  const app = make();
  app.use(make.json());
  app.use(audit);
  for (const [route, handler] of Object.entries(setup.routes)) {
    const [method, path] = split(route);
    app[method as "post"](path, ({ audit, body, params }, response) =>
      handler({
        audit,
        body,
        params: params as Record<string, string>,
        send: (status, answer) => response.status(status).json(answer),
      }),
    );
  }
  app.use(audit.errors);
  app.use((_error: unknown, _request: unknown, response: { status(code: number): { json(body: unknown): void } }, _next: unknown) => {
    response.status(500).json({ error: "internal" });
  });
  return { url: await listening(app.listen(0, "127.0.0.1")), policy, stats: () => audit.stats() };
}

async function fastifyApp(make: typeof fastify, setup: Setup): Promise<App> {
  const policy = Policy.parse(setup.policy);
  const audit = forFastify({ ...setup, policy, actor: (request) => principal(request.headers) });
  const app = make({ forceCloseConnections: true });
  await app.register(audit);
  for (const [route, handler] of Object.entries(setup.routes)) {
    const [method, url] = split(route);
    app.route({
      method: method.toUpperCase(),
      url,
      handler: (request, reply) => {
        const params = request.params as Record<string, string>;
        const send = (status: number, answer: unknown): void => void reply.code(status).send(answer);
        handler({ audit: request.audit, body: request.body, params, send });
        return reply;
      },
    });
  }
  await app.listen({ port: 0, host: "127.0.0.1" });
  after(() => app.close());
  return { url: await listeningAt(app.server), policy, stats: () => audit.stats() };
}

function listeningAt(server: Server): Promise<string> {
  return Promise.resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

/** Every framework by name. */
export const FRAMEWORKS: Readonly<Record<string, (setup: Setup) => Promise<App>>> = {
  "Express 5": (setup) => expressApp(express, setup),
  "Express 4": (setup) => expressApp(express4, setup),
  "Fastify 5": (setup) => fastifyApp(fastify, setup),
  "Fastify 4": (setup) => fastifyApp(fastify4, setup),
};

/** One framework for each middleware, for slow tests. */
export const DISTINCT = ["Express 5", "Fastify 5"] as const;

/** A policy with one rule, for things by id. */
export const thingPolicy = (failure: FailurePolicy): string => `
version = 1
failure = "${failure}"
[[rule]]
route = "/things/{id}"
action = "thing.used"
target_type = "thing"
target_id = { path = "id" }
`;
