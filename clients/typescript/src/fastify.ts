/**
 * A plugin for Fastify 5 that follows a policy file.
 *
 * Register it before the routes. The intent of `must` is written in `preHandler`: after the body was
 * parsed and checked and after earlier hooks found out who calls, before the handler runs.
 */
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from "fastify";
import type { IncomingMessage } from "node:http";

import { Exchange } from "./capture/exchange.js";
import type { AuditHandle } from "./capture/handle.js";
import { Capture, type CaptureOptions, type CaptureStats, type Principal } from "./capture/options.js";
import { REFUSAL_RETRY_AFTER, refusal } from "./capture/refusal.js";

export type { AuditHandle } from "./capture/handle.js";
export type { CaptureStats, Principal } from "./capture/options.js";

declare module "fastify" {
  interface FastifyRequest {
    /** What a handler may say about the record of its request. */
    audit: AuditHandle;
  }
}

/** What the plugin is told. */
export type FastifyAuditOptions = Omit<CaptureOptions, "actor"> & {
  /** Who made the request; see the same option of the middleware for Express. */
  readonly actor: (request: FastifyRequest) => Principal | undefined | Promise<Principal | undefined>;
};

/** The plugin, and what it counted. */
export type FastifyAudit = FastifyPluginAsync & {
  /** What became of the requests. */
  stats(): CaptureStats;
};

/** Makes the plugin. */
export function auditrail(options: FastifyAuditOptions): FastifyAudit {
  // Properties and not WeakMaps, which cost the collector as much as all the rest does.
  const [asked, followed] = [Symbol("auditrail"), Symbol("auditrail")];
  type Held = Record<symbol, Exchange<IncomingMessage> | undefined>;
  const exchangeOf = (request: FastifyRequest): Exchange<IncomingMessage> | undefined =>
    (request as unknown as Held)[followed];
  const capture = new Capture<IncomingMessage>({
    ...options,
    actor: (raw) => {
      const request = (raw as unknown as Record<symbol, FastifyRequest | undefined>)[asked];
      return request === undefined ? undefined : options.actor(request);
    },
  });
  const plugin: FastifyPluginAsync = (app) => {
    app.decorateRequest("audit");
    app.decorateRequest(followed, undefined);
    app.addHook("onRequest", (request, reply, done) => {
      const exchange = new Exchange(capture, request.raw, reply.raw, {
        target: request.originalUrl,
        body: () => request.body,
        route: () => (request.is404 ? undefined : request.routeOptions.url),
      });
      Object.assign(request.raw, { [asked]: request });
      Object.assign(request, { audit: exchange.handle, [followed]: exchange });
      done();
    });
    app.addHook("preHandler", async (request, reply) => {
      const exchange = exchangeOf(request);
      const verdict = await exchange?.intend();
      if (verdict === "refused") {
        return refuse(reply, request.audit.requestId);
      }
      if (verdict === "gone") {
        reply.hijack();
      }
      return undefined;
    });
    // After the last answer: whoever closes the recorder next should not be too early.
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
  // Hooks are for the application that registers the plugin, not for a scope of its own.
  const marks = { [Symbol.for("skip-override")]: true, [Symbol.for("fastify.display-name")]: "auditrail" };
  return Object.assign(plugin, marks, { stats: () => capture.stats() });
}

function refuse(reply: FastifyReply, requestId: string): FastifyReply {
  const { status, type, body } = refusal(requestId);
  return reply.code(status).header("retry-after", REFUSAL_RETRY_AFTER).type(type).send(body);
}
