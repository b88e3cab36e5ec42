/** The record that a handler writes itself, in its own transaction. */
import { recordId } from "../clock.js";
import type { Outcome } from "./build.js";

/** The ids of the records of a handler, and whether the first is committed. */
export class OwnRecord {
  /** The id of the first input. */
  #id: string | undefined;
  #isCommitted = false;

  /** Whether the handler confirmed that the record is committed. */
  get isCommitted(): boolean {
    return this.#isCommitted;
  }

  /** The id of the next input: of the first, that of the outcome of the intent, if there is one. */
  nextId(outcomeId: string | undefined): string {
    const id = this.#id === undefined ? (outcomeId ?? recordId()) : recordId();
    this.#id ??= id;
    return id;
  }

  /** Confirms the commit of a record, which satisfies the rule unless it is a further one. */
  commit(id: string | null | undefined, outcomeId: string | undefined): void {
    const expected = outcomeId ?? this.#id;
    this.#isCommitted ||= expected === undefined || expected === id;
  }

  /**
   * Whether the middleware writes no record of this outcome. Without a response, the handler may still run and commit
   * its record; until then the intent stays open.
   */
  satisfies(outcome: Outcome, outcomeId: string | undefined): boolean {
    return this.#isCommitted || (this.#id !== undefined && outcomeId !== undefined && mayStillRun(outcome));
  }

  /**
   * The id of the record of the middleware; `undefined` for a new one.
   *
   * It is that of the input, so that the service refuses it if the handler has committed its record without saying
   * so. A handler that still runs must not find the id taken.
   */
  idFor(outcome: Outcome, outcomeId: string | undefined): string | undefined {
    return this.#id !== undefined && !mayStillRun(outcome) ? (outcomeId ?? this.#id) : outcomeId;
  }
}

/** Whether the handler may not have ended when the request did. */
function mayStillRun(outcome: Outcome): boolean {
  return outcome === "timeout" || outcome === "disconnected";
}
