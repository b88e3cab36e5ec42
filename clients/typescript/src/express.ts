/**
 * Middleware for Express 4 and 5 that follows a policy file.
 *
 * Put it after what parses bodies and finds out who calls, before the routes. What answers before it
 * (a refused login, say) leaves no record.
 */
import type { IncomingMessage, ServerResponse } from "node:http";

import { Exchange } from "./capture/exchange.js";
import type { AuditHandle } from "./capture/handle.js";
import { Capture, type CaptureOptions, type CaptureStats } from "./capture/options.js";
import { REFUSAL_RETRY_AFTER, refusal } from "./capture/refusal.js";
import { pathOf } from "./policy/pattern.js";

export type { AuditHandle } from "./capture/handle.js";
export type { CaptureOptions, CaptureStats, Principal } from "./capture/options.js";

declare global {
  // The one way to add to the request of Express.
  // eslint-disable-next-line @typescript-eslint/no-namespace
  namespace Express {
    interface Request {
      /** What a handler may say about the record of its request. */
      audit: AuditHandle;
    }
  }
}

/** A request as Express passes it on. */
export type AuditedRequest = IncomingMessage & {
  audit: AuditHandle;
  originalUrl?: string;
  baseUrl?: string;
  body?: unknown;
  route?: unknown;
};

type Next = (error?: unknown) => void;

/** Where a request has what follows it. A property and not a WeakMap, which costs the collector much. */
const FOLLOWED = Symbol("auditrail");

/** The middleware, and what it counted. */
export interface ExpressAudit<Request extends IncomingMessage> {
  (request: Request, response: ServerResponse, next: Next): void;
  /**
   * An error handler to put after the routes and before your own. Where a handler fails after it began to
   * answer the status says nothing, and this alone tells that from a caller that went away.
   */
  readonly errors: (error: unknown, request: Request, response: ServerResponse, next: Next) => void;
  /** What became of the requests. */
  stats(): CaptureStats;
  /**
   * Resolves when the recorder has the records of all requests that are answered. For the end of a
   * process: between the end of the server and that of the recorder.
   */
  settled(): Promise<void>;
}

/** Makes the middleware. */
export function auditrail<Request extends IncomingMessage = AuditedRequest>(
  options: CaptureOptions<Request>,
): ExpressAudit<Request> {
  const capture = new Capture(options);
  const exchangeOf = (request: Request): Exchange<Request> | undefined =>
    (request as unknown as Record<symbol, Exchange<Request> | undefined>)[FOLLOWED];
  const handler = (request: Request, response: ServerResponse, next: Next): void => {
    const outer = exchangeOf(request);
    if (outer !== undefined) {
      // One record is enough.
      capture.counts.overruled += outer.isOf(capture) ? 0 : 1;
      next();
      return;
    }
    const exchange = new Exchange(capture, request, response, framework(request, response));
    Object.assign(request, { audit: exchange.handle, [FOLLOWED]: exchange });
    if (!exchange.intends) {
      next();
      return;
    }
    void exchange.intend().then((verdict) => {
      if (verdict === "go") {
        next();
      } else if (verdict === "refused") {
        refuse(response, exchange.handle.requestId);
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

function refuse(response: ServerResponse, requestId: string): void {
  if (response.headersSent || response.destroyed) {
    return;
  }
  const { status, type, body } = refusal(requestId);
  response.statusCode = status;
  response.setHeader("content-type", type);
  response.setHeader("retry-after", REFUSAL_RETRY_AFTER);
  response.end(body);
}

/** The status that an error asks for, by the custom of Express. */
function statusOf(error: unknown): number {
  if (typeof error !== "object" || error === null) {
    return 500;
  }
  const { status, statusCode } = error as { status?: unknown; statusCode?: unknown };
  return [status, statusCode].find((value) => typeof value === "number") ?? 500;
}
