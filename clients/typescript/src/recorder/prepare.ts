/** Prepares a record for the service: assigns id and time, encodes it, and checks the rules. */
import type { AuditrailClient } from "../client.js";
import { timestamp } from "../clock.js";
import { AuditrailError, reason } from "../errors.js";
import { invalidRecord, notAnObject } from "../record/encode.js";
import type { RecordInput } from "../types.js";
import type { Prepared } from "./options.js";

/** A prepared record, or why it is invalid, with its text if it can be encoded. */
export type Preparation =
  | { readonly prepared: Prepared }
  | { readonly error: AuditrailError; readonly text: string | undefined };

/**
 * Prepares a record. The input is untrusted: plain JavaScript may pass anything.
 *
 * The time is assigned after the check, which compares a time of the application with the clock of the service.
 */
export function prepare(client: AuditrailClient, input: RecordInput, id: string): Preparation {
  let text: string | undefined;
  try {
    if (typeof input !== "object" || (input as unknown) === null || Array.isArray(input)) {
      throw notAnObject();
    }
    const { created_at, ...others } = input;
    const isTimed = created_at !== undefined && created_at !== null;
    text = client.encode({ ...others, id, ...(isTimed ? { created_at } : {}) });
    const errors = client.errorsOf(text);
    if (errors.length > 0) {
      throw invalidRecord(errors);
    }
    return { prepared: isTimed ? { text, stamped: false } : stamp(text, timestamp()) };
  } catch (thrown) {
    // Any other error is that of a getter of the application.
    const error = thrown instanceof AuditrailError ? thrown : AuditrailError.local("not_json", reason(thrown), thrown);
    return { error, text };
  }
}

/** Removes the time, also for later attempts. */
export function removeStamp(item: Prepared): void {
  item.text = item.text.replace(/^\{"created_at":"[^"]*",/, "{");
  item.stamped = false;
}

/** Adds the time of the recorder to a record without a time. */
function stamp(text: string, time: string): Prepared {
  return { text: `{"created_at":"${time}",${text.slice(1)}`, stamped: true };
}
