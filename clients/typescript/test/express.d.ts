/** The part of Express that the tests use; Express itself brings no types. */
declare module "express" {
  import type { IncomingMessage, Server, ServerResponse } from "node:http";

  import type { AuditHandle } from "../src/express.js";

  interface Request extends IncomingMessage {
    audit: AuditHandle;
    body: unknown;
    params: Record<string, string>;
    originalUrl: string;
  }
  interface Response extends ServerResponse {
    status(code: number): this;
    json(body: unknown): void;
  }
  type Next = (error?: unknown) => void;
  type Handler = (request: Request, response: Response, next: Next) => void;
  type ErrorHandler = (error: unknown, request: Request, response: Response, next: Next) => void;
  interface Router {
    use(handler: Handler | ErrorHandler | Router): void;
    use(path: string, handler: Handler | Router): void;
    post(path: string, handler: Handler): void;
    put(path: string, handler: Handler): void;
    delete(path: string, handler: Handler): void;
    get(path: string, handler: Handler): void;
  }
  interface Application extends Router {
    listen(port: number, host: string): Server;
  }
  interface Express {
    (): Application;
    json(): Handler;
  }
  const express: Express;
  export default express;
}

declare module "express4" {
  export { default } from "express";
}
