/**
 * Generated records, valid ones mutated: the check of this package finds the same errors as the service.
 *
 * AUDITRAIL_TS_FUZZ is the number of records, AUDITRAIL_TS_FUZZ_SEED selects others.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { FieldError } from "../src/index.js";
import { recordErrors } from "../src/record/check.js";
import { MAX_CHARS } from "../src/record/limits.js";
import { CHARS, json, nearLimit, pick, random, seed, text } from "./random.js";
import { service } from "./support.js";

const RECORDS = Number(process.env["AUDITRAIL_TS_FUZZ"] ?? 3_000);
const SEED = Number(process.env["AUDITRAIL_TS_FUZZ_SEED"] ?? 1);
const BATCH = 1_000;

seed(SEED);

function digits(length: number, max: number): string {
  return String(random(max)).padStart(length, "0");
}

function time(): string {
  const date = `${pick(["2026", "2025", "2024", "0000", "0001", "9999", "10000", "-0001", "+2026", "26"])}-${digits(2, 14)}-${digits(2, 33)}`;
  const clock = `${digits(2, 26)}:${digits(2, 62)}:${digits(2, 63)}`;
  const fraction = pick(["", "", ".", `.${"123456789012".slice(0, 1 + random(11))}`]);
  const offset = pick(["Z", "z", "", "+01:00", "-00:00", "+25:59", "-26:00", "+0100", "+01", ` +01:00`, `${pick(["+", "-"])}${digits(2, 30)}:${digits(2, 70)}`]);
  return mutated(`${date}${pick(["T", "t", " ", "_"])}${clock}${fraction}${offset}`);
}

function address(): string {
  const v4 = Array.from({ length: 4 }, () => random(260)).join(".");
  const group = (): string => random(70_000).toString(16);
  const v6 = Array.from({ length: 1 + random(9) }, group);
  v6.splice(random(v6.length + 1), random(3), "");
  return mutated(pick([v4, v6.join(":"), `::ffff:${v4}`, `${v6.join(":")}:${v4}`, `${v4}/24`, "::1", "::"]));
}

function uuid(): string {
  const hex = crypto.randomUUID();
  return mutated(pick([hex, hex.toUpperCase(), hex.replaceAll("-", ""), `{${hex}}`, `urn:uuid:${hex}`]));
}

/** Mostly the same text, sometimes with a character inserted, removed or replaced. */
function mutated(value: string): string {
  const at = random(value.length + 1);
  switch (random(8)) {
    case 0:
      return value.slice(0, at) + pick(CHARS) + value.slice(at);
    case 1:
      return value.slice(0, at) + value.slice(at + 1);
    case 2:
      return value.slice(0, at) + pick(["0", "9", "-", ":", ".", "f"]) + value.slice(at + 1);
    default:
      return value;
  }
}

function metadata(): unknown {
  return pick<() => unknown>([
    () => json(3),
    () => ({ a: json(4) }),
    () => ({ list: Array.from({ length: random(600) }, () => pick([1e300, 1e-300, 5e-324, 1])) }),
    () => ({ text: pick(["x", "é", "\n"]).repeat(30_000 + random(10_000)) }),
    () => ({ text: "x".repeat(65_536 - 11 - 1 + random(3)) }),
  ])();
}

const VALUES: Readonly<Record<string, () => unknown>> = {
  id: uuid,
  actor_type: () => pick(["user", "system", "api_key", "User", ""]),
  action: () => pick([text(12), `a.${text(4)}`, `${text(4)}.b`, nearLimit(MAX_CHARS.action), "a.*", "audit_log.exported"]),
  metadata,
  ip_address: address,
  created_at: time,
  outcome: () => pick(["success", "failure", "denied", "unknown", "done"]),
  recorded_by: () => pick(["key:1", null]),
  ...Object.fromEntries(
    Object.entries(MAX_CHARS)
      .filter(([name]) => name !== "action")
      .map(([name, max]) => [name, () => (name === "actor_id" && random(4) === 0 ? "system" : nearLimit(max))]),
  ),
};

function record(): unknown {
  const fields: Record<string, unknown> = {
    actor_type: "user",
    actor_id: "u1",
    action: "project.created",
    target_type: "project",
    target_id: "p1",
  };
  for (let changes = random(4); changes >= 0; changes -= 1) {
    const name = pick(Object.keys(VALUES));
    const value = VALUES[name]?.();
    fields[name] = random(12) === 0 ? json(1) : value;
    if (random(30) === 0) {
      fields[text(6)] = json(1);
    }
    if (random(30) === 0) {
      Reflect.deleteProperty(fields, pick(Object.keys(fields)));
    }
  }
  return random(200) === 0 ? json(1) : fields;
}

interface Verdict {
  readonly code: string;
  /** Starts with the pointer of the first error. */
  readonly detail: string;
  readonly others: number;
}

/** The first error in the form of a batch, which has the number of the others. */
function verdictOf(error: { code: string; detail: string } | undefined): Verdict {
  // Ids that an earlier run has stored are no matter of the rules.
  if (error === undefined || error.code === "id_conflict") {
    return { code: "valid", detail: "", others: 0 };
  }
  const others = Number(/ \(and (\d+) more\)$/.exec(error.detail)?.[1] ?? 0);
  return { ...error, others };
}

/** Whether the errors that this package found are those of a verdict. */
function agrees(found: readonly FieldError[], { code, detail, others }: Verdict): boolean {
  const [first, ...rest] = found;
  if (first === undefined || code === "valid" || code === "not_json") {
    return (first?.code ?? "valid") === code;
  }
  const place = first.pointer === "" ? "the record" : first.pointer;
  return first.code === code && detail.startsWith(`${place}: `) && rest.length === others;
}

async function verdicts(texts: readonly string[]): Promise<Verdict[]> {
  const response = await fetch(`${service.url}/v1/audit-logs/batch?on_invalid=skip`, {
    method: "POST",
    headers: { authorization: `Bearer ${service.key}`, "content-type": "application/json" },
    body: `[${texts.join()}]`,
  });
  assert.equal(response.status, 200, `${response.status} ${(await response.clone().text()).slice(0, 500)}`);
  const { errors } = (await response.json()) as { errors: { index: number; code: string; detail: string }[] };
  const byIndex = new Map(errors.map((error) => [error.index, error]));
  return texts.map((_, index) => verdictOf(byIndex.get(index)));
}

describe("generated records", () => {
  it(`get the errors of the service (seed ${SEED})`, async () => {
    const seen: Record<string, number> = {};
    for (let done = 0; done < RECORDS; done += BATCH) {
      const texts: string[] = [];
      for (let bytes = 0; texts.length < BATCH && bytes < 8_000_000; bytes += texts.at(-1)?.length ?? 0) {
        texts.push(JSON.stringify(record() ?? null));
      }
      const theirs = await verdicts(texts);
      for (const [index, text] of texts.entries()) {
        const found = recordErrors(JSON.parse(text), Date.now());
        const verdict = theirs[index] ?? verdictOf(undefined);
        const message = `seed ${SEED}: ${text.slice(0, 2_000)}\n${JSON.stringify(found)}\n${JSON.stringify(verdict)}`;
        assert.ok(agrees(found, verdict), message);
        seen[verdict.code] = (seen[verdict.code] ?? 0) + 1;
      }
    }
    assert.ok(Object.keys(seen).length >= 12 && (seen["valid"] ?? 0) > RECORDS / 20, JSON.stringify(seen));
  });
});
