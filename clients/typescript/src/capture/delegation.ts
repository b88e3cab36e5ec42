/** Records that a handler took to write them itself. */
import { recordId } from "../clock.js";
import type { Outcome } from "./build.js";

/** Whether a handler took the record of its request, and what is then left to write. */
export class Delegation {
  /** The id of the first record that the handler took. */
  #id: string | undefined;

  /** Whether the handler took a record. */
  get isTaken(): boolean {
    return this.#id !== undefined;
  }

  /** The id of a record for the handler: that of the outcome of the intent, if there is one, for the first. */
  take(intended: string | undefined): string {
    const id = this.#id === undefined ? (intended ?? recordId()) : recordId();
    this.#id ??= id;
    return id;
  }

  /**
   * Whether the record of this outcome is that of the handler. If the request failed, or the client has gone, its
   * transaction may have been rolled back; an intent then stays open.
   */
  covers(outcome: Outcome, intended: string | undefined): boolean {
    return this.isTaken && (outcome === "success" || (intended !== undefined && mayStillRun(outcome)));
  }

  /**
   * The id of the final record; `undefined` for a new one.
   *
   * If the request failed although the handler has written its record, the service refuses this one, so that there
   * are never two. A handler that still runs may yet write its record, and must not find the id taken.
   */
  idOf(outcome: Outcome, intended: string | undefined): string | undefined {
    return this.#id !== undefined && !mayStillRun(outcome) ? this.#id : intended;
  }
}

/** Whether the handler may not have ended when the request did. */
function mayStillRun(outcome: Outcome): boolean {
  return outcome === "timeout" || outcome === "disconnected";
}
