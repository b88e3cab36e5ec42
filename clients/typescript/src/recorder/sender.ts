/** One batch to the service, and what became of each record of it. */
import type { AuditrailClient } from "../client.js";
import { AuditrailError } from "../errors.js";
import type { BatchAnswer } from "../types.js";
import { verdict } from "./backoff.js";
import type { Prepared } from "./options.js";

/** What became of a batch. Every record is in one of the lists. */
export interface Sent<T extends Prepared> {
  /** Written now, or there already. */
  readonly acknowledged: readonly T[];
  /** How many of these were there already. */
  readonly duplicates: number;
  /** Refused for good. */
  readonly refused: readonly { readonly item: T; readonly error: AuditrailError }[];
  /** Not known to be written; send them again. */
  readonly unsent: readonly T[];
  /** Why some are unsent. */
  readonly error: AuditrailError | undefined;
}

/**
 * Sends a batch so that no record can hold up its neighbours: the service skips the wrong ones, and a
 * batch that is refused as a whole is halved until the one is found that it was refused for.
 */
export async function send<T extends Prepared>(
  client: AuditrailClient,
  items: readonly T[],
  call: { readonly signal: AbortSignal; readonly timeoutMs: number },
): Promise<Sent<T>> {
  let answer: BatchAnswer;
  try {
    const texts = items.map((item) => item.text);
    answer = checked(await client.batchOfTexts(texts, { ...call, onInvalid: "skip" }), items.length);
  } catch (thrown) {
    const error = AuditrailError.local("bad_answer", "sending failed", thrown);
    return refusedAsAWhole(client, items, call, thrown instanceof AuditrailError ? thrown : error);
  }
  const errors = new Map(answer.errors.map((error) => [error.index, error]));
  const acknowledged: T[] = [];
  const refused: { item: T; error: AuditrailError }[] = [];
  for (const [index, item] of items.entries()) {
    const wrong = errors.get(index);
    if (wrong === undefined) {
      acknowledged.push(item);
    } else {
      refused.push({ item, error: new AuditrailError({ code: wrong.code, detail: wrong.detail }) });
    }
  }
  return { acknowledged, duplicates: answer.duplicates, refused, unsent: [], error: undefined };
}

async function refusedAsAWhole<T extends Prepared>(
  client: AuditrailClient,
  items: readonly T[],
  call: { readonly signal: AbortSignal; readonly timeoutMs: number },
  error: AuditrailError,
): Promise<Sent<T>> {
  const nothing = { acknowledged: [], duplicates: 0, refused: [], unsent: [], error: undefined };
  if (verdict(error) !== "refused") {
    return { ...nothing, unsent: items, error };
  }
  const [only, ...others] = items;
  if (only !== undefined && others.length === 0) {
    return { ...nothing, refused: [{ item: only, error }] };
  }
  const middle = Math.ceil(items.length / 2);
  const first = await send(client, items.slice(0, middle), call);
  const rest = items.slice(middle);
  if (first.error !== undefined) {
    return { ...first, unsent: [...first.unsent, ...rest] };
  }
  const second = await send(client, rest, call);
  return {
    acknowledged: [...first.acknowledged, ...second.acknowledged],
    duplicates: first.duplicates + second.duplicates,
    refused: [...first.refused, ...second.refused],
    unsent: second.unsent,
    error: second.error,
  };
}

/** Whether the answer accounts for every record. One that does not acknowledges nothing. */
function checked(answer: BatchAnswer, size: number): BatchAnswer {
  const { created, duplicates, rejected, errors } = (answer ?? {}) as Partial<BatchAnswer>;
  const counts = [created, duplicates, rejected].every((count) => Number.isSafeInteger(count));
  const places = Array.isArray(errors) ? new Set(errors.map((error) => error.index)) : undefined;
  const inside = [...(places ?? [])].every((index) => Number.isInteger(index) && index >= 0 && index < size);
  const whole = (created ?? 0) + (duplicates ?? 0) + (rejected ?? 0) === size && places?.size === rejected;
  if (!counts || !inside || !whole) {
    const detail = "the answer to a batch does not account for every record of it";
    throw AuditrailError.local("bad_answer", detail);
  }
  return answer;
}
