/** HTTP requests to the service; all failures become an `AuditrailError`. */
import { TIMER_MAX_MS, wallClock } from "./clock.js";
import { AuditrailError, reason, systemCode } from "./errors.js";
import { parseExactly } from "./exact-json.js";
import type { Key } from "./key.js";
import type { FieldError } from "./types.js";

/** Options of one call. */
export interface CallOptions {
  /** Aborts the call, which then fails with `aborted`. */
  readonly signal?: AbortSignal | undefined;
  /** Timeout of the call in milliseconds; for streams, until the response headers. */
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

/** A response with a JSON body. */
export interface JsonResponse {
  readonly status: number;
  readonly body: unknown;
  readonly requestId: string | undefined;
}

/** Maximum characters of an unknown response that an error repeats. */
const EXCERPT_CHARS = 200;

/** Sends requests to a base URL with an API key and a timeout. */
export class Transport {
  readonly #base: string;
  readonly #key: Key;
  readonly #timeoutMs: number;
  /** How far the clock of the service is ahead of this one, once it has responded. */
  #aheadMs: number | undefined;

  constructor(url: string, key: Key, timeoutMs: number) {
    this.#base = base(url);
    this.#key = key;
    this.#timeoutMs = timeoutMs;
  }

  /** The base URL. */
  get url(): string {
    return this.#base;
  }

  /** The text with the API key redacted. */
  redact(text: string): string {
    return this.#key.redact(text);
  }

  /**
   * The time of the service in milliseconds since 1970: by its last response, to a second and never too
   * early, else by the clock of this machine.
   */
  serviceTime(): number {
    return wallClock() + (this.#aheadMs ?? 0);
  }

  /** Sends a request and parses the JSON response. */
  async json(call: Call): Promise<JsonResponse> {
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

  /** Sends a request and returns the body as a stream. The timeout applies until the response headers. */
  async stream(call: Call): Promise<ReadableStream<Uint8Array>> {
    const guard = new Guard(call, this.#timeoutMs);
    try {
      const { body } = await this.#send(call, guard);
      guard.started();
      if (body === null) {
        throw AuditrailError.local("bad_answer", "the response has no body");
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
      // The API key must be sent only to the configured host.
      redirect: "manual",
      signal: guard.signal,
    });
    this.#noteTime(response.headers.get("date"));
    if (!response.ok) {
      if (response.status === 401 || response.status === 403) {
        this.#key.refresh();
      }
      // Some proxies echo the request in an error response.
      throw problem(response, this.#key.redact(await response.text()));
    }
    return response;
  }

  #noteTime(header: string | null): void {
    const time = header === null ? Number.NaN : Date.parse(header);
    if (!Number.isNaN(time)) {
      // The header is rounded down to a second.
      this.#aheadMs = time + 1_000 - wallClock();
    }
  }

  #parsed(text: string, response: Response): unknown {
    try {
      return parseExactly(text);
    } catch {
      const detail = `the response is not JSON: ${this.#key.redact(text).slice(0, EXCERPT_CHARS)}`;
      throw new AuditrailError({ code: "bad_answer", detail, requestId: requestId(response) });
    }
  }

  #explain(error: unknown, guard: Guard): AuditrailError {
    if (error instanceof AuditrailError) {
      return error;
    }
    if (guard.outcome === "timeout") {
      const detail = `the service at ${this.#base} did not respond within ${guard.timeoutMs} ms`;
      return AuditrailError.local("timeout", detail);
    }
    if (guard.outcome === "aborted") {
      return AuditrailError.local("aborted", "the call was aborted by its signal");
    }
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    const why = systemCode(cause) ?? reason(cause);
    const detail = `cannot reach the service at ${this.#base}: ${this.#key.redact(why)}`;
    return AuditrailError.local("unreachable", detail);
  }
}

/** Combines the timeout and the caller's signal; `end` releases both. */
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
    throw AuditrailError.local("invalid_option", "`url` is not a URL; a valid one is http://127.0.0.1:8080");
  }
  if (!["http:", "https:"].includes(parsed.protocol) || parsed.username || parsed.password) {
    const detail = "`url` must start with http:// or https:// and contain neither user nor password";
    throw AuditrailError.local("invalid_option", detail);
  }
  return `${parsed.origin}${parsed.pathname.replace(/\/+$/, "")}`;
}

function requestId(response: Response): string | undefined {
  return response.headers.get("x-request-id") ?? undefined;
}

/** Parses an error response: a problem document (RFC 9457), else a code made of the status. */
function problem(response: Response, text: string): AuditrailError {
  let document: Record<string, unknown> = {};
  try {
    const value: unknown = JSON.parse(text);
    document = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    // A proxy may respond in its own format; the body is then quoted below.
  }
  const textOf = (name: string): string | undefined => {
    const value = document[name];
    return typeof value === "string" ? value : undefined;
  };
  return new AuditrailError({
    status: response.status,
    code: textOf("code") ?? `http_${response.status}`,
    detail: textOf("detail") ?? (text.slice(0, EXCERPT_CHARS) || response.statusText || "the response has no body"),
    errors: fieldErrors(document["errors"]),
    requestId: requestId(response) ?? textOf("request_id"),
    retryAfter: retryAfter(response.headers),
  });
}

function fieldErrors(value: unknown): FieldError[] {
  const isError = (item: unknown): item is FieldError =>
    typeof item === "object" && item !== null && "pointer" in item && "code" in item && "detail" in item;
  return Array.isArray(value) ? value.filter(isError) : [];
}

/** `Retry-After` in seconds, given as a number or a date. A date is compared with the clock of the server. */
function retryAfter(headers: Headers): number | undefined {
  const header = headers.get("retry-after");
  if (header === null) {
    return undefined;
  }
  if (/^\d+$/.test(header.trim())) {
    return Number(header);
  }
  const date = Date.parse(header);
  const now = Date.parse(headers.get("date") ?? "") || wallClock();
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil((date - now) / 1_000));
}
