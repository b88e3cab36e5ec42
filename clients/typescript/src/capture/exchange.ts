/** One request and its answer, from the first look to the record. */
import type { IncomingMessage, ServerResponse } from "node:http";

import { monotonic, recordId } from "../clock.js";
import type { Match } from "../policy/policy.js";
import type { Matched } from "../policy/rule.js";
import { clientAddress } from "./address.js";
import { requestBody, tap } from "./body.js";
import { build, type Outcome } from "./build.js";
import { Handle } from "./handle.js";
import { onTimeout } from "./idle.js";
import type { Capture } from "./options.js";
import { ANONYMOUS, type Principal, sound, UNKNOWN } from "./principal.js";

/** What only the framework knows. */
export interface Framework {
  /** What stands in the request line. */
  readonly target: string;
  /** The body as it was parsed, once it was. */
  body(): unknown;
  /** The route of the framework; `undefined` when it has none for the request. */
  route(): string | undefined;
}

/** Whether the handler may run. */
export type Verdict = "go" | "refused" | "gone";

/** Follows one request. */
export class Exchange<Request extends IncomingMessage> {
  readonly handle: Handle;
  readonly #capture: Capture<Request>;
  readonly #request: Request;
  readonly #response: ServerResponse;
  readonly #framework: Framework;
  readonly #method: string;
  readonly #match: Match | undefined;
  readonly #started = monotonic();
  readonly #address: string | undefined;
  readonly #sent: () => unknown;
  #principal: Principal | undefined;
  #actorFailed = false;
  #timer: NodeJS.Timeout | undefined;
  /** Whether the handler failed, and whether it had begun to answer by then. */
  #failed: "unanswered" | "answering" | undefined;
  #idle = false;
  readonly #unwatch: () => void;
  #over = false;
  #intent: { readonly id: string; readonly matched: Matched } | undefined;
  #settling: Promise<unknown> | undefined;

  constructor(capture: Capture<Request>, request: Request, response: ServerResponse, framework: Framework) {
    const { policy, timeoutMs } = capture.options;
    this.#capture = capture;
    this.#request = request;
    this.#response = response;
    this.#framework = framework;
    this.#method = (request.method ?? "GET").toUpperCase();
    this.#match = policy.match(this.#method, framework.target);
    // The socket forgets its address when it closes.
    this.#address = clientAddress(request, policy.trustedProxies);
    this.handle = new Handle(nameRequest(request, response), policy.redaction);
    this.#sent = this.#needsResponse() ? tap(response) : () => undefined;
    response.once("finish", () => this.#end(reset(response) ? this.#unfinished() : this.#finished()));
    response.once("close", () => this.#end(this.#unfinished()));
    this.#unwatch = onTimeout(request.socket, () => {
      this.#idle = true;
    });
    if (timeoutMs !== undefined && this.#match !== undefined) {
      this.#timer = setTimeout(this.#overdue, timeoutMs).unref();
    }
  }

  /** The handler failed. What is answered for that may be the business of who catches it. */
  failed(): void {
    this.#failed ??= this.#response.headersSent ? "answering" : "unanswered";
  }

  /** Whether an intent has to be written before the handler runs. */
  get intends(): boolean {
    return this.#match?.intent !== undefined;
  }

  /** Writes the intent where a rule wants one. Only `go` lets the handler run. */
  async intend(): Promise<Verdict> {
    const matched = this.#match?.intent;
    if (matched === undefined) {
      return "go";
    }
    const intent = { id: recordId(), matched };
    const written = this.#write(matched, undefined, intent.id, "must").then(() => {
      this.#intent = intent;
    });
    // The end of the request, should it come first, waits for this.
    this.#settling = written.catch(() => undefined);
    try {
      await written;
    } catch {
      this.#capture.counts.refused += 1;
      if (!this.#over) {
        this.#close(undefined);
      }
      return "refused";
    }
    if (this.#response.closed || this.#response.destroyed) {
      return "gone";
    }
    // Time ran out while the intent was written, and is recorded as such: too late for the handler.
    return this.#over ? "refused" : "go";
  }

  /** A whole answer: its status tells, unless the handler failed without one that says so. */
  #finished(): Outcome {
    const { statusCode } = this.#response;
    const hidden = this.#failed === "answering" || (this.#failed !== undefined && statusCode < 400);
    return hidden ? "error" : ofStatus(statusCode);
  }

  /** The connection ended before the answer did. */
  #unfinished(): Outcome {
    if (this.#failed !== undefined || this.#response.errored) {
      return "error";
    }
    return this.#idle ? "timeout" : "disconnected";
  }

  readonly #overdue = (): void => {
    if (!this.#response.headersSent) {
      this.#end("timeout");
    }
  };

  #end(outcome: Outcome): void {
    if (this.#over) {
      return;
    }
    const durationMs = Math.round((monotonic() - this.#started) * 1_000) / 1_000;
    // Without a beginning of an answer there is no status, whatever the object says.
    const status = this.#response.headersSent ? this.#response.statusCode : null;
    const decided = this.#decided(status);
    this.#close(decided, status);
    this.#capture.follow(this.#finish(decided, { outcome, status, durationMs }));
  }

  /** The rule for a status. Without one every status is possible, so the first rule that records. */
  #decided(status: number | null): Matched | undefined {
    return status === null
      ? this.#match?.candidates.find(({ rule }) => rule.level !== "none")
      : this.#match?.forStatus(status);
  }

  /** Nothing more will be recorded. */
  #close(decided: Matched | undefined, status: number | null = null): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#unwatch();
    const { policy } = this.#capture.options;
    // A deed that succeeded without a record is uncovered, even where a rule is about its failures.
    const unrecorded = decided === undefined && status !== null && status < 400;
    const covered = this.#match !== undefined && !unrecorded;
    policy.saw(this.#method, this.#framework.route(), decided?.rule, covered);
  }

  async #finish(
    decided: Matched | undefined,
    end: { readonly outcome: Outcome; readonly status: number | null; readonly durationMs: number },
  ): Promise<void> {
    await this.#settling;
    const records = decided !== undefined && decided.rule.level !== "none";
    // An intent is never left without its outcome, whatever the rule for the status says.
    const matched = records ? decided : this.#intent?.matched;
    if (matched === undefined || (this.handle.skipped && this.#intent === undefined)) {
      this.#capture.counts.skipped += this.handle.skipped ? 1 : 0;
      return;
    }
    const { recorder } = this.#capture.options;
    // The request is answered, so nothing can be refused any more: what is left is not to lose it.
    const durable = recorder.spools ? "spool" : "must";
    const failure = this.#intent === undefined && matched.rule.failure !== "must" ? matched.rule.failure : durable;
    await this.#write(matched, end, undefined, failure);
  }

  async #write(
    matched: Matched,
    end: Parameters<typeof build>[0]["end"],
    id: string | undefined,
    failure: "must" | "spool" | "best_effort",
  ): Promise<void> {
    const { recorder, policy } = this.#capture.options;
    const { input, targetKnown } = build({
      request: this.#request,
      method: this.#method,
      matched,
      handle: this.handle,
      principal: await this.#who(),
      address: this.#address,
      redaction: policy.redaction,
      body: () => requestBody(this.#request, this.#framework.body()),
      response: end === undefined ? () => undefined : this.#sent,
      end,
      intentId: this.#intent?.id,
    });
    // The intent cannot know what only the answer or the handler will say; its outcome does.
    const from = matched.rule.targetId?.kind;
    const later = end === undefined && (from === undefined || from === "response");
    this.#capture.counts.unknownTargets += targetKnown || later ? 0 : 1;
    this.#capture.counts.recorded += 1;
    await recorder.record(id === undefined ? input : { ...input, id }, { failure });
  }

  /** Who made the request; asked until somebody is known, because a login says so only after it. */
  async #who(): Promise<Principal> {
    if (this.#principal !== undefined) {
      return this.#principal;
    }
    try {
      const said = await this.#capture.options.actor(this.#request);
      this.#principal = said ? sound(said) : undefined;
      return this.#principal ?? ANONYMOUS;
    } catch {
      this.#capture.counts.unknownActors += this.#actorFailed ? 0 : 1;
      this.#actorFailed = true;
      return UNKNOWN;
    }
  }

  #needsResponse(): boolean {
    const candidates = this.#match?.candidates ?? [];
    return candidates.some(
      ({ rule }) =>
        rule.level === "request_response" || rule.targetId?.kind === "response" || rule.tenantId?.kind === "response",
    );
  }
}

/** The id of a request: the caller's when it is one word of printable ASCII, else a new one. */
function nameRequest(request: IncomingMessage, response: ServerResponse): string {
  const said = request.headers["x-request-id"];
  const id = typeof said === "string" && /^[\x21-\x7e]{1,200}$/.test(said) ? said : recordId();
  // Whoever is asked next should use the same.
  request.headers["x-request-id"] = id;
  response.setHeader("x-request-id", id);
  return id;
}

/** Whether a stream of HTTP/2 was cut off; its answer is said to have finished all the same. */
function reset(response: ServerResponse): boolean {
  return "stream" in response && (response.stream as { readonly aborted?: boolean } | undefined)?.aborted === true;
}

function ofStatus(status: number): Outcome {
  if (status === 408 || status === 504) {
    return "timeout";
  }
  if (status >= 500) {
    return "error";
  }
  return status >= 400 ? "failure" : "success";
}

/** What is answered when the intent could not be written. */
export function refusal(requestId: string): { readonly status: number; readonly type: string; readonly body: string } {
  const body = {
    type: "urn:auditrail:problem:audit_unavailable",
    title: "Not available at the moment",
    status: 503,
    detail: "this request must be recorded before it is done, and it could not be; nothing was done",
    code: "audit_unavailable",
    request_id: requestId,
  };
  return { status: 503, type: "application/problem+json", body: JSON.stringify(body) };
}

/** After how many seconds the caller of a refused request may try again. */
export const REFUSAL_RETRY_AFTER = 1;
