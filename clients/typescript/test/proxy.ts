/** A network that misbehaves on order, in front of the real service. */
import { once } from "node:events";
import { createServer, request as ask, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { after } from "node:test";

import { service } from "./support.js";

/** What happens to one request. */
export type Fault =
  | { readonly kind: "pass" }
  | { readonly kind: "answer"; readonly status: number; readonly headers?: Record<string, string>; readonly body?: string }
  /** The connection breaks before the service hears of it. */
  | { readonly kind: "reset" }
  /** The service did it, and the connection breaks before the answer. */
  | { readonly kind: "reset_after" }
  /** The service never hears of it, and the connection stays open until `release`. */
  | { readonly kind: "swallow" }
  /** Nothing happens until `release`; then it passes. */
  | { readonly kind: "hold" }
  /** The service did it; the answer waits for `release`. */
  | { readonly kind: "hold_after" };

const PASS: Fault = { kind: "pass" };

/** Stands before the service. */
export class Proxy {
  /** What happens to the next requests, one each. */
  readonly next: Fault[] = [];
  /** What happens to all others. */
  otherwise: Fault = PASS;
  /** Requests that came. */
  seen = 0;
  /** When they came, on the monotonic clock. */
  readonly times: number[] = [];
  /** Requests that are held at the moment. */
  held = 0;
  #released: (() => void)[] = [];
  readonly #sockets = new Set<Socket>();
  #server: Server;
  #port = 0;

  private constructor() {
    this.#server = this.#make();
  }

  static async start(): Promise<Proxy> {
    const proxy = new Proxy();
    await proxy.#listen();
    after(() => proxy.stop());
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Lets everything go that is held. */
  release(): void {
    this.#released.splice(0).forEach((resolve) => resolve());
  }

  /** Nobody answers at the address any more. Happens by itself at the end of the test. */
  async stop(): Promise<void> {
    this.release();
    if (!this.#server.listening) {
      return;
    }
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#sockets.forEach((socket) => socket.destroy());
    await closed;
  }

  /** At the same address again. */
  async restart(): Promise<void> {
    this.#server = this.#make();
    await this.#listen();
  }

  #make(): Server {
    const server = createServer((request, response) => {
      this.#handle(request, response).catch(() => response.destroy());
    });
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    return server;
  }

  async #listen(): Promise<void> {
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.seen += 1;
    this.times.push(performance.now());
    const fault = this.next.shift() ?? this.otherwise;
    const chunks: Buffer[] = [];
    for await (const chunk of request) {
      chunks.push(chunk as Buffer);
    }
    switch (fault.kind) {
      case "answer":
        response.writeHead(fault.status, fault.headers).end(fault.body);
        return;
      case "reset":
        request.socket.resetAndDestroy();
        return;
      case "swallow":
        await this.#hold();
        request.socket.destroy();
        return;
      case "hold":
        await this.#hold();
        break;
      default:
    }
    const answer = await forward(request, Buffer.concat(chunks));
    if (fault.kind === "reset_after") {
      request.socket.resetAndDestroy();
      return;
    }
    if (fault.kind === "hold_after") {
      await this.#hold();
    }
    response.writeHead(answer.status, answer.headers).end(answer.body);
  }

  async #hold(): Promise<void> {
    this.held += 1;
    await new Promise<void>((resolve) => this.#released.push(resolve));
    this.held -= 1;
  }
}

async function forward(
  request: IncomingMessage,
  body: Buffer,
): Promise<{ status: number; headers: IncomingMessage["headers"]; body: Buffer }> {
  const { method = "GET", url = "/", headers } = request;
  const onward = ask(new URL(url, service.url), { method, headers, agent: false });
  onward.end(body);
  const [answer] = (await once(onward, "response")) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of answer) {
    chunks.push(chunk as Buffer);
  }
  const { "transfer-encoding": _, ...kept } = answer.headers;
  return { status: answer.statusCode ?? 502, headers: kept, body: Buffer.concat(chunks) };
}
