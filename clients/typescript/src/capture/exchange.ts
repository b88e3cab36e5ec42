/** Follows one request and its response until the record is delivered. */
import type { IncomingMessage, ServerResponse } from "node:http";

import { monotonic, recordId } from "../clock.js";
import { AuditrailError } from "../errors.js";
import type { Decision, Match } from "../policy/match.js";
import { isUnruled, type Matched, UNMATCHED } from "../policy/rule.js";
import { asIntent, outcomeOfIntent } from "../record/intent.js";
import type { FailurePolicy } from "../recorder/options.js";
import type { ActionName, RecordInput } from "../types.js";
import { clientAddress } from "./address.js";
import { captureBody, requestBody } from "./body.js";
import { type BuiltRecord, buildRecord, type Outcome, type RequestEnd } from "./build.js";
import { Handle } from "./handle.js";
import { hold } from "./hold.js";
import { assignRequestId, isReset, outcomeOfStatus } from "./http.js";
import type { Capture } from "./options.js";
import { OwnRecord } from "./own-record.js";
import { ANONYMOUS, type Principal, UNKNOWN, validPrincipal } from "./principal.js";
import type { Refusal } from "./refusal.js";
import { onTimeout } from "./socket-timeout.js";

/** What only the web framework knows about a request. */
export interface Framework {
  /** The target of the request line. */
  readonly target: string;
  /** The parsed body, once it is parsed. */
  body(): unknown;
  /** The matched route; `undefined` if there is none. */
  route(): string | undefined;
}

/** Whether the handler may run: `go`, why the request is refused, or `gone` if the client has disconnected. */
export type Verdict = "go" | Refusal | "gone";

/** What a record is made of: an intent, or the end of a request. */
interface Recording {
  readonly matched: Matched;
  /** The rules of other readings of an ambiguous path. */
  readonly others: readonly Matched[];
  readonly end?: RequestEnd;
  readonly action?: ActionName | undefined;
}

/** The status by which the rule for a record is chosen that a handler writes. */
const SUCCESS = 200;

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
  readonly #responseBody: () => unknown;
  #principal: Principal | undefined;
  #actorFailed = false;
  #timer: NodeJS.Timeout | undefined;
  /** Whether the handler failed, and whether the response had started by then. */
  #failed: "before_response" | "during_response" | undefined;
  #timedOut = false;
  readonly #removeTimeoutListener: () => void;
  #isDone = false;
  #intent: { readonly id: string; readonly matched: Matched } | undefined;
  #intentWritten: Promise<unknown> | undefined;
  /** The record that the handler writes. */
  readonly #own = new OwnRecord();

  constructor(capture: Capture<Request>, request: Request, response: ServerResponse, framework: Framework) {
    const { policy, timeoutMs } = capture.options;
    this.#capture = capture;
    this.#request = request;
    this.#response = response;
    this.#framework = framework;
    this.#method = (request.method ?? "GET").toUpperCase();
    this.#match = policy.match(this.#method, framework.target);
    if (this.#match?.isAmbiguous) {
      capture.counts.ambiguous += 1;
      policy.countAmbiguous();
    }
    // Read now, because a closed socket has no address.
    this.#address = clientAddress(request, policy.trustedProxies);
    this.handle = new Handle(assignRequestId(request, response), policy.redaction, {
      input: (action) => this.#input(action),
      committed: (id) => this.#own.commit(id, this.#outcomeId),
    });
    if (this.#mayHoldResponse()) {
      hold(response, () => this.#beforeEnd());
    }
    this.#responseBody = this.#needsResponse() ? captureBody(response) : () => undefined;
    response.once("finish", () => this.#end(isReset(response) ? this.#outcomeOfAbort() : this.#outcomeOfResponse()));
    response.once("close", () => this.#end(this.#outcomeOfAbort()));
    this.#removeTimeoutListener = onTimeout(request.socket, () => {
      this.#timedOut = true;
    });
    if (timeoutMs !== undefined && this.#match !== undefined) {
      this.#timer = setTimeout(this.#overdue, timeoutMs).unref();
    }
  }

  /** Whether this exchange belongs to the given middleware. */
  isOf(capture: Capture<Request>): boolean {
    return this.#capture === capture;
  }

  /** Reports that the handler failed. Another error handler may choose the response. */
  failed(): void {
    this.#failed ??= this.#response.headersSent ? "during_response" : "before_response";
  }

  /** Whether the request may be refused, or an intent must be written, before the handler runs. */
  get needsPreparation(): boolean {
    return this.#intends || this.#isRefusedForItsPath;
  }

  get #intends(): boolean {
    return this.#match?.intent !== undefined;
  }

  get #isRefusedForItsPath(): boolean {
    return this.#capture.options.policy.refusesAmbiguousPaths && this.#match?.isAmbiguous === true;
  }

  /**
   * Refuses the request if the policy says so, and writes the intent if a rule requires one. The handler may run only
   * after `go`. A refused request is recorded when its response ends, like others.
   */
  async prepare(): Promise<Verdict> {
    if (this.#isRefusedForItsPath) {
      this.#capture.counts.rejected += 1;
      return "ambiguous_path";
    }
    const matched = this.#match?.intent;
    if (matched === undefined) {
      return "go";
    }
    if (matched.rule.requiresTarget && !(await this.#build({ matched, others: [] })).targetKnown) {
      this.#capture.counts.rejected += 1;
      return "audit_target_unknown";
    }
    return this.#intend(matched);
  }

  /** The record of this request, for a handler that writes it. */
  async #input(action: ActionName | undefined): Promise<RecordInput> {
    const matched = this.#recordingRule(this.#decide(SUCCESS)) ?? this.#recordingRule(this.#decide(null)) ?? UNMATCHED;
    if (isUnruled(matched.rule) && (action === undefined || this.handle.target?.type === undefined)) {
      const detail = "no rule matches this request, so `input` needs an action, and a target with a type";
      throw AuditrailError.local("invalid_option", detail);
    }
    const { input } = await this.#build({ matched, others: [], end: { outcome: "success" }, action });
    return { ...input, id: this.#own.nextId(this.#outcomeId) };
  }

  async #intend(matched: Matched): Promise<Verdict> {
    const intent = { id: asIntent(recordId()), matched };
    const others = this.#match?.otherIntents ?? [];
    const written = this.#write({ matched, others }, intent.id, "must").then(() => {
      this.#intent = intent;
    });
    // The outcome is recorded after the intent, even if the request ends first.
    this.#intentWritten = written.catch(() => undefined);
    try {
      await written;
    } catch {
      this.#capture.counts.refused += 1;
      if (!this.#isDone) {
        this.#close(undefined);
      }
      return "audit_unavailable";
    }
    if (this.#response.closed || this.#response.destroyed) {
      return "gone";
    }
    // If the timeout passed meanwhile, it is recorded already, and the handler must not run.
    return this.#isDone ? "audit_unavailable" : "go";
  }

  /**
   * The outcome of a complete response: that of its status, unless the handler failed without a status
   * that shows it.
   */
  #outcomeOfResponse(status = this.#response.statusCode): Outcome {
    const failureIsHidden = this.#failed === "during_response" || (this.#failed !== undefined && status < 400);
    return failureIsHidden ? "error" : outcomeOfStatus(status);
  }

  /** The outcome of a response that was not completed. */
  #outcomeOfAbort(): Outcome {
    if (this.#failed !== undefined || this.#response.errored) {
      return "error";
    }
    return this.#timedOut ? "timeout" : "disconnected";
  }

  /**
   * Called when a handler ends its response; returns what the end must wait for if the record must be
   * durable first.
   */
  #beforeEnd(): Promise<void> | undefined {
    if (this.#isDone || this.#response.destroyed) {
      return undefined;
    }
    const { statusCode: status } = this.#response;
    const decision = this.#decide(status);
    const rule = this.#recordingRule(decision);
    if (rule === undefined || this.#failure(rule) !== "spool" || this.#own.satisfies(this.#outcomeOfResponse(status), this.#outcomeId)) {
      return undefined;
    }
    const durationMs = this.#durationMs();
    this.#close(decision, status);
    // A handler that throws right after ending its response is reported within this turn of the event
    // loop.
    const nextTurn = new Promise((resolve) => setImmediate(resolve));
    return this.#capture.track(
      nextTurn.then(() => this.#finish(decision, { outcome: this.#outcomeOfResponse(status), status, durationMs })),
    );
  }

  /** Whether some outcome requires that the end of the response waits for its record. */
  #mayHoldResponse(): boolean {
    const rules = this.#match?.candidates ?? [];
    return this.#capture.options.recorder.spools && (this.#intends || rules.some(({ rule }) => rule.failure === "spool"));
  }

  readonly #overdue = (): void => {
    if (!this.#response.headersSent) {
      this.#end("timeout");
    }
  };

  #end(outcome: Outcome): void {
    if (this.#isDone) {
      return;
    }
    const durationMs = this.#durationMs();
    // Before the headers are sent there is no status, although the object has one.
    const status = this.#response.headersSent ? this.#response.statusCode : null;
    const decision = this.#decide(status);
    this.#close(decision, status);
    void this.#capture.track(this.#finish(decision, { outcome, status, durationMs }));
  }

  #durationMs(): number {
    return Math.round((monotonic() - this.#started) * 1_000) / 1_000;
  }

  #decide(status: number | null): Decision | undefined {
    return this.#match?.decide(status);
  }

  /** Ends the observation of the request and updates the coverage. */
  #close(decision: Decision | undefined, status: number | null = null): void {
    this.#isDone = true;
    clearTimeout(this.#timer);
    this.#removeTimeoutListener();
    const { policy } = this.#capture.options;
    // A successful request that no rule matched counts as uncovered, even if a rule covers its failures; so does one
    // that a rule excludes by some reading of its path only.
    const isExcluded = decision?.matched !== undefined;
    const unrecorded = decision?.isCovered === false && (isExcluded || (status !== null && status < 400));
    const covered = (this.#match !== undefined && !unrecorded) || this.#own.isCommitted;
    policy.countRequest(this.#method, this.#framework.route(), decision?.matched?.rule, covered);
  }

  async #finish(
    decision: Decision | undefined,
    end: RequestEnd,
  ): Promise<void> {
    await this.#intentWritten;
    const matched = this.#recordingRule(decision);
    if (matched === undefined) {
      this.#capture.counts.skipped += this.handle.skipped ? 1 : 0;
      return;
    }
    const id = this.#outcomeId;
    if (this.#own.satisfies(end.outcome, id)) {
      this.#capture.counts.committed += this.#own.isCommitted ? 1 : 0;
      return;
    }
    await this.#write({ matched, others: decision?.others ?? [], end }, this.#own.idFor(end.outcome, id), this.#failure(matched));
  }

  /** The id of the outcome of the intent, if there is one. */
  get #outcomeId(): string | undefined {
    return this.#intent === undefined ? undefined : outcomeOfIntent(this.#intent.id);
  }

  /** The rule that the final record is built by; `undefined` if there is none. */
  #recordingRule(decision: Decision | undefined): Matched | undefined {
    const decided = decision?.matched;
    const records = decided !== undefined && decided.rule.level !== "none";
    // An intent always gets an outcome, whatever the rule for the status is.
    const matched = records ? decided : this.#intent?.matched;
    return this.handle.skipped && this.#intent === undefined ? undefined : matched;
  }

  /** The failure policy of the final record. */
  #failure({ rule: { failure } }: Matched): FailurePolicy {
    // The request can no longer be refused, so `must` becomes the most durable policy available.
    const durable = this.#capture.options.recorder.spools ? "spool" : "must";
    return this.#intent !== undefined || failure === "must" ? durable : failure;
  }

  async #write(what: Recording, id: string | undefined, failure: FailurePolicy): Promise<void> {
    const { input, targetKnown } = await this.#build(what);
    // The intent cannot contain a target that the response or the handler provides; its outcome does.
    const from = what.matched.rule.targetId?.kind;
    const comesLater = what.end === undefined && (from === undefined || from === "response");
    this.#capture.counts.unknownTargets += targetKnown || comesLater ? 0 : 1;
    this.#capture.counts.recorded += 1;
    await this.#capture.options.recorder.record(id === undefined ? input : { ...input, id }, { failure });
  }

  async #build({ matched, others, end, action }: Recording): Promise<BuiltRecord> {
    return buildRecord({
      request: this.#request,
      method: this.#method,
      matched,
      others,
      action,
      handle: this.handle,
      principal: await this.#resolvePrincipal(),
      address: this.#address,
      redaction: this.#capture.options.policy.redaction,
      body: () => requestBody(this.#request, this.#framework.body()),
      // There is none before the end of the request.
      response: end?.status === undefined ? () => undefined : this.#responseBody,
      end,
      intentId: this.#intent?.id,
    });
  }

  /**
   * The principal of the request. The extractor is called again while it returns none, because a login
   * sets it only later.
   */
  async #resolvePrincipal(): Promise<Principal> {
    if (this.#principal !== undefined) {
      return this.#principal;
    }
    try {
      const principal = await this.#capture.options.actor(this.#request);
      this.#principal = principal ? validPrincipal(principal) : undefined;
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
