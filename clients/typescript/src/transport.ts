/** Requests to the service and their answers; every way they can fail becomes an `AuditrailError`. */
import { TIMER_MAX_MS } from "./clock.js";
import { AuditrailError, reason, systemCode } from "./errors.js";
import type { Key } from "./key.js";
import type { FieldError } from "./types.js";

/** What can be said about one call. */
export interface CallOptions {
  /** Ends the call early; the error has the code `aborted`. */
  readonly signal?: AbortSignal | undefined;
  /** How long the answer may take, in milliseconds; for streams, its beginning. */
  readonly timeoutMs?: number | undefined;
}

/** A request. */
export interface Call extends CallOptions {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly query?: URLSearchParams | undefined;
  /** JSON text. */
  readonly body?: string | undefined;
  readonly accept?: string | undefined;
}

/** An answer with a JSON body. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly requestId: string | undefined;
}

/** Most characters of an answer that is no problem document and is repeated in an error. */
const SHOWN = 200;

/** A base address, a key, and how long to wait. */
export class Transport {
  readonly #base: string;
  readonly #key: Key;
  readonly #timeoutMs: number;

  constructor(url: string, key: Key, timeoutMs: number) {
    this.#base = base(url);
    this.#key = key;
    this.#timeoutMs = timeoutMs;
  }

  /** The text without the key. */
  hide(text: string): string {
    return this.#key.hide(text);
  }

  /** Sends a request and reads the whole JSON answer. */
  async json(call: Call): Promise<Answer> {
    const guard = new Guard(call, this.#timeoutMs);
    try {
      const response = await this.#send(call, guard);
      const text = await response.text();
      return { status: response.status, body: this.#parsed(text, response), requestId: requestId(response) };
    } catch (error) {
      throw this.#explain(error, guard);
    } finally {
      guard.end();
    }
  }

  /** Sends a request and gives the body as it comes. The time limit is for its beginning. */
  async stream(call: Call): Promise<ReadableStream<Uint8Array>> {
    const guard = new Guard(call, this.#timeoutMs);
    try {
      const { body } = await this.#send(call, guard);
      guard.started();
      if (body === null) {
        throw AuditrailError.local("bad_answer", "the service answered with no body");
      }
      return body.pipeThrough(new TransformStream({ flush: () => guard.end() }));
    } catch (error) {
      guard.end();
      throw this.#explain(error, guard);
    }
  }

  async #send(call: Call, guard: Guard): Promise<Response> {
    const query = call.query?.toString();
    const headers: Record<string, string> = {
      authorization: this.#key.authorization(),
      accept: call.accept ?? "application/json",
    };
    if (call.body !== undefined) {
      headers["content-type"] = "application/json";
    }
    const response = await fetch(`${this.#base}${call.path}${query ? `?${query}` : ""}`, {
      method: call.method,
      headers,
      body: call.body ?? null,
      // A key is for the address it was given for, not for wherever that sends us.
      redirect: "manual",
      signal: guard.signal,
    });
    if (!response.ok) {
      if (response.status === 401 || response.status === 403) {
        this.#key.refresh();
      }
      // Proxies there are that answer an error with what they were sent.
      throw problem(response, this.#key.hide(await response.text()));
    }
    return response;
  }

  #parsed(text: string, response: Response): unknown {
    try {
      return JSON.parse(text);
    } catch {
      const detail = `the answer is not JSON: ${this.#key.hide(text).slice(0, SHOWN)}`;
      throw new AuditrailError({ code: "bad_answer", detail, requestId: requestId(response) });
    }
  }

  #explain(error: unknown, guard: Guard): AuditrailError {
    if (error instanceof AuditrailError) {
      return error;
    }
    if (guard.outcome === "timeout") {
      const detail = `the service at ${this.#base} did not answer in ${guard.timeoutMs} ms`;
      return AuditrailError.local("timeout", detail);
    }
    if (guard.outcome === "aborted") {
      return AuditrailError.local("aborted", "the call was ended by its signal");
    }
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    const why = systemCode(cause) ?? reason(cause);
    const detail = `no answer from the service at ${this.#base}: ${this.#key.hide(why)}`;
    return AuditrailError.local("unreachable", detail);
  }
}

/** The time limit and the caller's signal as one signal, which lets go of the caller's at the end. */
class Guard {
  readonly timeoutMs: number;
  outcome: "timeout" | "aborted" | undefined;
  readonly #controller = new AbortController();
  readonly #caller: AbortSignal | undefined;
  readonly #timer: NodeJS.Timeout;
  readonly #abort = (): void => this.#finish("aborted");

  constructor(call: CallOptions, timeoutMs: number) {
    this.timeoutMs = call.timeoutMs ?? timeoutMs;
    this.#timer = setTimeout(() => this.#finish("timeout"), Math.min(this.timeoutMs, TIMER_MAX_MS));
    this.#caller = call.signal;
    if (this.#caller?.aborted) {
      this.#finish("aborted");
    }
    this.#caller?.addEventListener("abort", this.#abort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  started(): void {
    clearTimeout(this.#timer);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener("abort", this.#abort);
  }

  #finish(outcome: "timeout" | "aborted"): void {
    this.outcome ??= outcome;
    this.#controller.abort();
  }
}

function base(url: string): string {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw AuditrailError.local("invalid_option", "`url` is no URL; give one such as http://127.0.0.1:8080");
  }
  if (!["http:", "https:"].includes(parsed.protocol) || parsed.username || parsed.password) {
    const detail = "`url` must begin with http:// or https:// and hold neither user nor password";
    throw AuditrailError.local("invalid_option", detail);
  }
  return `${parsed.origin}${parsed.pathname.replace(/\/+$/, "")}`;
}

function requestId(response: Response): string | undefined {
  return response.headers.get("x-request-id") ?? undefined;
}

/** Reads a problem document; whatever else answers with an error gets a code made of its status. */
function problem(response: Response, text: string): AuditrailError {
  let document: Record<string, unknown> = {};
  try {
    const value: unknown = JSON.parse(text);
    document = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    // A proxy in between answers in its own words; they are shown below.
  }
  const word = (name: string): string | undefined => {
    const value = document[name];
    return typeof value === "string" ? value : undefined;
  };
  return new AuditrailError({
    status: response.status,
    code: word("code") ?? `http_${response.status}`,
    detail: word("detail") ?? (text.slice(0, SHOWN) || response.statusText || "no reason was given"),
    errors: fieldErrors(document["errors"]),
    requestId: requestId(response) ?? word("request_id"),
    retryAfter: retryAfter(response.headers.get("retry-after")),
  });
}

function fieldErrors(value: unknown): FieldError[] {
  const isError = (item: unknown): item is FieldError =>
    typeof item === "object" && item !== null && "pointer" in item && "code" in item && "detail" in item;
  return Array.isArray(value) ? value.filter(isError) : [];
}

/** `Retry-After` in seconds: a number, or a date. */
function retryAfter(header: string | null): number | undefined {
  if (header === null) {
    return undefined;
  }
  if (/^\d+$/.test(header.trim())) {
    return Number(header);
  }
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil((date - Date.now()) / 1000));
}
