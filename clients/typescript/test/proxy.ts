/** A proxy in front of the real service that injects faults. */
import { once } from "node:events";
import { createServer, request as ask, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { after } from "node:test";

import { service } from "./support.js";

/** The fault of a request. */
export type Fault =
  | { readonly kind: "pass" }
  | { readonly kind: "answer"; readonly status: number; readonly headers?: Record<string, string>; readonly body?: string }
  /** The connection is reset before the service receives the request. */
  | { readonly kind: "reset" }
  /** The connection is reset after the service has processed the request. */
  | { readonly kind: "reset_after" }
  /** The request is discarded; the connection stays open until `release`. */
  | { readonly kind: "swallow" }
  /** The request is forwarded only after `release`. */
  | { readonly kind: "hold" }
  /** The response is held until `release`. */
  | { readonly kind: "hold_after" }
  /** Of a stream, this many bytes are passed on, and then the connection is reset. */
  | { readonly kind: "cut"; readonly bytes: number }
  /** Of a stream, this many bytes are passed on, and then nothing. */
  | { readonly kind: "stall"; readonly bytes: number };

const PASS: Fault = { kind: "pass" };

export class Proxy {
  /** Faults of the next requests, one each. */
  readonly next: Fault[] = [];
  /** The fault of all other requests. */
  otherwise: Fault = PASS;
  /** The service. */
  target = service.url;
  /** Number of requests. */
  seen = 0;
  /** Their arrival times on the monotonic clock. */
  readonly times: number[] = [];
  /** Number of requests held now. */
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

  /** Releases all held requests. */
  release(): void {
    this.#released.splice(0).forEach((resolve) => resolve());
  }

  /** Closes all connections and the listener; called automatically after the tests. */
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

  /** Listens at the same address again. */
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
    if (request.headers.accept === "text/event-stream") {
      await this.#stream(request, response, fault);
      return;
    }
    const answer = await forward(request, Buffer.concat(chunks), this.target);
    if (fault.kind === "reset_after") {
      request.socket.resetAndDestroy();
      return;
    }
    if (fault.kind === "hold_after") {
      await this.#hold();
    }
    response.writeHead(answer.status, answer.headers).end(answer.body);
  }

  /** Passes a response on as it arrives. */
  async #stream(request: IncomingMessage, response: ServerResponse, fault: Fault): Promise<void> {
    const { method = "GET", url = "/", headers } = request;
    const onward = ask(new URL(url, this.target), { method, headers, agent: false });
    response.on("close", () => onward.destroy());
    onward.end();
    const [answer] = (await once(onward, "response")) as [IncomingMessage];
    response.writeHead(answer.statusCode ?? 502, { "content-type": answer.headers["content-type"] });
    let left = fault.kind === "cut" || fault.kind === "stall" ? fault.bytes : Number.POSITIVE_INFINITY;
    for await (const chunk of answer) {
      response.write((chunk as Buffer).subarray(0, left));
      left -= (chunk as Buffer).length;
      if (left <= 0) {
        if (fault.kind === "cut") {
          // What was written before must arrive.
          await new Promise((resolve) => setTimeout(resolve, 20));
          request.socket.resetAndDestroy();
        }
        return;
      }
    }
    response.end();
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
  target: string,
): Promise<{ status: number; headers: IncomingMessage["headers"]; body: Buffer }> {
  const { method = "GET", url = "/", headers } = request;
  const onward = ask(new URL(url, target), { method, headers, agent: false });
  onward.end(body);
  const [answer] = (await once(onward, "response")) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of answer) {
    chunks.push(chunk as Buffer);
  }
  const { "transfer-encoding": _, ...kept } = answer.headers;
  return { status: answer.statusCode ?? 502, headers: kept, body: Buffer.concat(chunks) };
}
