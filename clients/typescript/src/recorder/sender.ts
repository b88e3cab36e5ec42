/** Sends one batch and determines the outcome of each of its records. */
import type { AuditrailClient } from "../client.js";
import { AuditrailError } from "../errors.js";
import type { BatchAnswer } from "../types.js";
import { verdict } from "./backoff.js";
import type { Prepared } from "./options.js";
import { removeStamp } from "./prepare.js";

/** The outcome of a batch. Every record is in exactly one of the lists. */
export interface BatchResult<T extends Prepared> {
  /** Stored by the service. */
  readonly acknowledged: readonly T[];
  /** How many of these were stored by an earlier attempt. */
  readonly duplicates: number;
  /** Permanently rejected by the service. */
  readonly refused: readonly { readonly item: T; readonly error: AuditrailError }[];
  /** Outcome unknown; to be sent again. */
  readonly unsent: readonly T[];
  /** The error that left records in `unsent`. */
  readonly error: AuditrailError | undefined;
}

interface Call {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/**
 * Codes that a record can get because of its time. `id_conflict`: an earlier attempt stored it with the time of
 * the service.
 */
const TIME_CODES: readonly string[] = ["in_future", "out_of_range", "id_conflict"];

/**
 * Sends a batch such that no record holds up the others.
 *
 * A record whose time was set by the recorder and that is refused for it is sent again without a time, and
 * gets that of the service: a wrong clock of this machine must not cost the record.
 */
export async function sendBatch<T extends Prepared>(
  client: AuditrailClient,
  items: readonly T[],
  call: Call,
): Promise<BatchResult<T>> {
  const result = await sendOnce(client, items, call);
  const isUntimely = ({ item, error }: BatchResult<T>["refused"][number]): boolean =>
    item.stamped && TIME_CODES.includes(error.code);
  const again = result.refused.filter(isUntimely).map(({ item }) => item);
  if (again.length === 0) {
    return result;
  }
  again.forEach(removeStamp);
  const refused = result.refused.filter(({ item }) => !again.includes(item));
  return merged({ ...result, refused }, await sendOnce(client, again, call));
}

function merged<T extends Prepared>(first: BatchResult<T>, second: BatchResult<T>): BatchResult<T> {
  return {
    acknowledged: [...first.acknowledged, ...second.acknowledged],
    duplicates: first.duplicates + second.duplicates,
    refused: [...first.refused, ...second.refused],
    unsent: [...first.unsent, ...second.unsent],
    error: first.error ?? second.error,
  };
}

/**
 * Sends a batch; the service skips invalid records, and a batch that it rejects as a whole is bisected until the
 * invalid record is isolated.
 */
async function sendOnce<T extends Prepared>(
  client: AuditrailClient,
  items: readonly T[],
  call: Call,
): Promise<BatchResult<T>> {
  let response: BatchAnswer;
  try {
    const texts = items.map((item) => item.text);
    response = validated(await client.createEncodedBatch(texts, { ...call, onInvalid: "skip" }), items.length);
  } catch (thrown) {
    const error = AuditrailError.local("bad_answer", "sending failed", thrown);
    return bisect(client, items, call, thrown instanceof AuditrailError ? thrown : error);
  }
  const errors = new Map(response.errors.map((error) => [error.index, error]));
  const acknowledged: T[] = [];
  const refused: { item: T; error: AuditrailError }[] = [];
  for (const [index, item] of items.entries()) {
    const rejection = errors.get(index);
    if (rejection === undefined) {
      acknowledged.push(item);
    } else {
      refused.push({ item, error: new AuditrailError({ code: rejection.code, detail: rejection.detail }) });
    }
  }
  return { acknowledged, duplicates: response.duplicates, refused, unsent: [], error: undefined };
}

async function bisect<T extends Prepared>(
  client: AuditrailClient,
  items: readonly T[],
  call: Call,
  error: AuditrailError,
): Promise<BatchResult<T>> {
  const nothing = { acknowledged: [], duplicates: 0, refused: [], unsent: [], error: undefined };
  if (verdict(error) !== "refused") {
    return { ...nothing, unsent: items, error };
  }
  const [only, ...others] = items;
  if (only !== undefined && others.length === 0) {
    return { ...nothing, refused: [{ item: only, error }] };
  }
  const middle = Math.ceil(items.length / 2);
  const first = await sendOnce(client, items.slice(0, middle), call);
  const rest = items.slice(middle);
  if (first.error !== undefined) {
    return { ...first, unsent: [...first.unsent, ...rest] };
  }
  return merged(first, await sendOnce(client, rest, call));
}

/** Checks that the response accounts for every record. Otherwise no record counts as acknowledged. */
function validated(response: BatchAnswer, size: number): BatchAnswer {
  const { created, duplicates, rejected, errors } = (response ?? {}) as Partial<BatchAnswer>;
  const counts = [created, duplicates, rejected].every((count) => Number.isSafeInteger(count));
  const indices = Array.isArray(errors) ? new Set(errors.map((error) => error.index)) : undefined;
  const inRange = [...(indices ?? [])].every((index) => Number.isInteger(index) && index >= 0 && index < size);
  const addsUp = (created ?? 0) + (duplicates ?? 0) + (rejected ?? 0) === size && indices?.size === rejected;
  if (!counts || !inRange || !addsUp) {
    const detail = "the counts of the response do not add up to the size of the batch";
    throw AuditrailError.local("bad_answer", detail);
  }
  return response;
}
