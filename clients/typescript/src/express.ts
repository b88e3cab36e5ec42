/// <reference types="node" preserve="true" />
/**
 * Middleware for Express 4 and 5 that records requests by a policy file.
 *
 * Mount it after body parsers and authentication, before the routes. Requests that are answered before it
 * (such as a rejected login) are not recorded.
 */
import type { IncomingMessage, ServerResponse } from "node:http";

import { Exchange } from "./capture/exchange.js";
import type { AuditHandle } from "./capture/handle.js";
import { Capture, type CaptureOptions, type CaptureStats } from "./capture/options.js";
import { type Refusal, refusal } from "./capture/refusal.js";
import { pathOf } from "./policy/path.js";

export type { AuditHandle } from "./capture/handle.js";
export type { CaptureOptions, CaptureStats, Principal } from "./capture/options.js";

declare global {
  // The only way to extend the request type of Express.
  // eslint-disable-next-line @typescript-eslint/no-namespace
  namespace Express {
    interface Request {
      /** Amends the record of this request. */
      audit: AuditHandle;
    }
  }
}

/** The request of Express. */
export type AuditedRequest = IncomingMessage & {
  audit: AuditHandle;
  originalUrl?: string;
  baseUrl?: string;
  body?: unknown;
  route?: unknown;
};

type Next = (error?: unknown) => void;

/**
 * The key of a request's exchange: a property, because a WeakMap burdens the garbage collector. Shared by all copies
 * of this package in a process.
 */
const EXCHANGE = Symbol.for("auditrail.exchange");

/** The middleware and its counters. */
export interface ExpressAudit<Request extends IncomingMessage> {
  (request: Request, response: ServerResponse, next: Next): void;
  /**
   * An error handler, to mount after the routes and before your own. It detects handlers that fail after
   * the response has started, which would otherwise look like a client that disconnected.
   */
  readonly errors: (error: unknown, request: Request, response: ServerResponse, next: Next) => void;
  /** The current counters. */
  stats(): CaptureStats;
  /**
   * Resolves when the recorder has the records of all completed requests. For the shutdown: call it after
   * closing the server and before closing the recorder.
   */
  settled(): Promise<void>;
}

/** Creates the middleware. Throws `invalid_option` or `no_spool`. */
export function auditrail<Request extends IncomingMessage = AuditedRequest>(
  options: CaptureOptions<Request>,
): ExpressAudit<Request> {
  const capture = new Capture(options);
  const exchangeOf = (request: Request): Exchange<Request> | undefined =>
    (request as unknown as Record<symbol, Exchange<Request> | undefined>)[EXCHANGE];
  const handler = (request: Request, response: ServerResponse, next: Next): void => {
    const outer = exchangeOf(request);
    if (outer !== undefined) {
      // The first middleware records the request.
      capture.counts.overruled += outer.isOf(capture) ? 0 : 1;
      next();
      return;
    }
    const exchange = new Exchange(capture, request, response, framework(request, response));
    Object.assign(request, { audit: exchange.handle, [EXCHANGE]: exchange });
    if (!exchange.needsPreparation) {
      next();
      return;
    }
    void exchange.prepare().then((verdict) => {
      if (verdict === "go") {
        next();
      } else if (verdict !== "gone") {
        refuse(response, verdict, exchange.handle.requestId);
      }
    });
  };
  const errors = (error: unknown, request: Request, _response: ServerResponse, next: Next): void => {
    if (statusOf(error) >= 500) {
      exchangeOf(request)?.failed();
    }
    next(error);
  };
  return Object.assign(handler, { errors, stats: () => capture.stats(), settled: () => capture.settled() });
}

function framework(request: IncomingMessage, response: ServerResponse): ConstructorParameters<typeof Exchange>[3] {
  const express = request as AuditedRequest;
  const target = express.originalUrl ?? request.url ?? "/";
  return {
    target,
    body: () => express.body,
    route: () => {
      const { route } = express;
      if (typeof route === "object" && route !== null && "path" in route) {
        return `${express.baseUrl ?? ""}${String(route.path)}`;
      }
      const unrouted = response.statusCode === 404 || response.statusCode === 405;
      return unrouted ? undefined : pathOf(target);
    },
  };
}

function refuse(response: ServerResponse, code: Refusal, requestId: string): void {
  if (response.headersSent || response.destroyed) {
    return;
  }
  const { status, headers, body } = refusal(code, requestId);
  response.statusCode = status;
  Object.entries(headers).forEach(([name, value]) => response.setHeader(name, value));
  response.end(body);
}

/** The status of an error, by the convention of Express. */
function statusOf(error: unknown): number {
  if (typeof error !== "object" || error === null) {
    return 500;
  }
  const { status, statusCode } = error as { status?: unknown; statusCode?: unknown };
  return [status, statusCode].find((value) => typeof value === "number") ?? 500;
}
