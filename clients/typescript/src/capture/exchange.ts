/** One request and its answer, from the first look to the record. */
import type { IncomingMessage, ServerResponse } from "node:http";

import { monotonic, recordId } from "../clock.js";
import type { Match } from "../policy/policy.js";
import type { Matched } from "../policy/rule.js";
import type { FailurePolicy } from "../recorder/options.js";
import { clientAddress } from "./address.js";
import { requestBody, tap } from "./body.js";
import { build, type Outcome } from "./build.js";
import { Handle } from "./handle.js";
import { hold } from "./hold.js";
import { onTimeout } from "./socket-timeout.js";
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
    if (this.#mayHold()) {
      hold(response, () => this.#ending());
    }
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

  /** Whether this middleware follows the request, and not another one. */
  isOf(capture: Capture<Request>): boolean {
    return this.#capture === capture;
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
  #finished(status = this.#response.statusCode): Outcome {
    const hidden = this.#failed === "answering" || (this.#failed !== undefined && status < 400);
    return hidden ? "error" : ofStatus(status);
  }

  /** The connection ended before the answer did. */
  #unfinished(): Outcome {
    if (this.#failed !== undefined || this.#response.errored) {
      return "error";
    }
    return this.#idle ? "timeout" : "disconnected";
  }

  /** A handler ends its answer: what the end waits for, where the record has to be durable first. */
  #ending(): Promise<void> | undefined {
    if (this.#over || this.#response.destroyed) {
      return undefined;
    }
    const { statusCode: status } = this.#response;
    const decided = this.#decided(status);
    const recorded = this.#recorded(decided);
    if (recorded === undefined || this.#failure(recorded) !== "spool") {
      return undefined;
    }
    const durationMs = this.#durationMs();
    this.#close(decided, status);
    // A handler that fails right after it ended its answer says so within this turn.
    const turned = new Promise((resolve) => setImmediate(resolve));
    return this.#capture.follow(
      turned.then(() => this.#finish(decided, { outcome: this.#finished(status), status, durationMs })),
    );
  }

  /** Whether the end of some answer may have to wait. */
  #mayHold(): boolean {
    const rules = this.#match?.candidates ?? [];
    return this.#capture.options.recorder.spools && (this.intends || rules.some(({ rule }) => rule.failure === "spool"));
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
    const durationMs = this.#durationMs();
    // Without a beginning of an answer there is no status, whatever the object says.
    const status = this.#response.headersSent ? this.#response.statusCode : null;
    const decided = this.#decided(status);
    this.#close(decided, status);
    void this.#capture.follow(this.#finish(decided, { outcome, status, durationMs }));
  }

  #durationMs(): number {
    return Math.round((monotonic() - this.#started) * 1_000) / 1_000;
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
    const matched = this.#recorded(decided);
    if (matched === undefined) {
      this.#capture.counts.skipped += this.handle.skipped ? 1 : 0;
      return;
    }
    await this.#write(matched, end, undefined, this.#failure(matched));
  }

  /** What the record of the end is made by; none where there is to be none. */
  #recorded(decided: Matched | undefined): Matched | undefined {
    const records = decided !== undefined && decided.rule.level !== "none";
    // An intent is never left without its outcome, whatever the rule for the status says.
    const matched = records ? decided : this.#intent?.matched;
    return this.handle.skipped && this.#intent === undefined ? undefined : matched;
  }

  /** What becomes of the record of the end when the audit log cannot be reached. */
  #failure({ rule: { failure } }: Matched): FailurePolicy {
    // Nothing can be refused any more: what is left is not to lose it.
    const durable = this.#capture.options.recorder.spools ? "spool" : "must";
    return this.#intent !== undefined || failure === "must" ? durable : failure;
  }

  async #write(
    matched: Matched,
    end: Parameters<typeof build>[0]["end"],
    id: string | undefined,
    failure: FailurePolicy,
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
