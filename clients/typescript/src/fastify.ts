/// <reference types="node" preserve="true" />
/**
 * A plugin for Fastify 4 and 5 that records requests by a policy file.
 *
 * Register it before the routes. The intent of `must` is written in `preHandler`: after the body is parsed and
 * validated and after the authentication hooks, before the handler.
 */
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from "fastify";
import type { IncomingMessage } from "node:http";

import { Exchange } from "./capture/exchange.js";
import type { AuditHandle } from "./capture/handle.js";
import { Capture, type CaptureOptions, type CaptureStats, checkOptions, type Principal } from "./capture/options.js";
import { type Refusal, refusal } from "./capture/refusal.js";

export type { AuditHandle } from "./capture/handle.js";
export type { CaptureStats, Principal } from "./capture/options.js";

declare module "fastify" {
  interface FastifyRequest {
    /** Amends the record of this request. */
    audit: AuditHandle;
  }
}

/** Configuration of the plugin. */
export type FastifyAuditOptions = Omit<CaptureOptions, "actor"> & {
  /** Returns the principal of a request; see the option of the middleware for Express. */
  readonly actor: (request: FastifyRequest) => Principal | undefined | Promise<Principal | undefined>;
};

/** The plugin and its counters. */
export type FastifyAudit = FastifyPluginAsync & {
  /** The current counters. */
  stats(): CaptureStats;
};

/** Creates the plugin. Throws `invalid_option` or `no_spool`. */
export function auditrail(options: FastifyAuditOptions): FastifyAudit {
  // Properties, because WeakMaps burden the garbage collector.
  const requestKey = Symbol("auditrail");
  const exchangeKey = Symbol("auditrail");
  type WithExchange = Record<symbol, Exchange<IncomingMessage> | undefined>;
  const exchangeOf = (request: FastifyRequest): Exchange<IncomingMessage> | undefined =>
    (request as unknown as WithExchange)[exchangeKey];
  checkOptions(options);
  const capture = new Capture<IncomingMessage>({
    ...options,
    actor: (raw) => {
      const request = (raw as unknown as Record<symbol, FastifyRequest | undefined>)[requestKey];
      return request === undefined ? undefined : options.actor(request);
    },
  });
  const plugin: FastifyPluginAsync = (app) => {
    app.decorateRequest("audit");
    app.decorateRequest(exchangeKey, undefined);
    app.addHook("onRequest", (request, reply, done) => {
      const exchange = new Exchange(capture, request.raw, reply.raw, {
        target: request.originalUrl,
        body: () => request.body,
        route: () => (request.is404 ? undefined : request.routeOptions.url),
      });
      Object.assign(request.raw, { [requestKey]: request });
      Object.assign(request, { audit: exchange.handle, [exchangeKey]: exchange });
      done();
    });
    app.addHook("preHandler", async (request, reply) => {
      const exchange = exchangeOf(request);
      const verdict = (await exchange?.prepare()) ?? "go";
      if (verdict === "gone") {
        reply.hijack();
      }
      return verdict === "go" || verdict === "gone" ? undefined : refuse(reply, verdict, request.audit.requestId);
    });
    // After the last response, so that the application can close the recorder next.
    app.addHook("onClose", () => capture.settled());
    app.addHook("onError", (request, _reply, error, done) => {
      const { statusCode, status } = error as { statusCode?: number; status?: number };
      if ((statusCode ?? status ?? 500) >= 500) {
        exchangeOf(request)?.failed();
      }
      done();
    });
    return Promise.resolve();
  };
  // Disables encapsulation, so that the hooks apply to the application that registers the plugin.
  const marks = { [Symbol.for("skip-override")]: true, [Symbol.for("fastify.display-name")]: "auditrail" };
  return Object.assign(plugin, marks, { stats: () => capture.stats() });
}

function refuse(reply: FastifyReply, code: Refusal, requestId: string): FastifyReply {
  const { status, headers, body } = refusal(code, requestId);
  return reply.code(status).headers(headers).send(body);
}
