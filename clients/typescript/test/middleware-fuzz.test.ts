/** Records of the middleware are valid, whatever the request, the application and its handlers provide. */
import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { describe, it } from "node:test";

import { buildRecord, type Outcome } from "../src/capture/build.js";
import { Handle } from "../src/capture/handle.js";
import { type Principal, UNKNOWN, validPrincipal } from "../src/capture/principal.js";
import { Policy } from "../src/index.js";
import { recordErrors } from "../src/record/check.js";
import { asIntent } from "../src/record/intent.js";
import { Redaction } from "../src/policy/redact.js";
import { json, nearLimit, pick, random, seed, text } from "./random.js";
import { noRecord } from "./support.js";

const RECORDS = 2_000;

const POLICY = Policy.parse(`
version = 1
[[rule]]
route = "/things/{id}"
level = "request_response"
action = "thing.used"
target_type = "thing"
target_id = { path = "id" }
tenant_id = { body = "/tenant" }
allow = ["/a", "/b/0/a", "/tenant", "/list"]
`);

/** Anything that plain JavaScript may pass for a text. */
function anything(limit: number): string {
  const values: readonly (() => unknown)[] = [
    () => nearLimit(limit),
    () => nearLimit(limit),
    () => text(limit * 3),
    () => "",
    () => undefined,
    () => null,
    () => random(1_000),
    () => 12345678901234567890n,
    () => Number.NaN,
    () => ({}),
    () => json(1),
  ];
  return pick(values)() as string;
}

function principal(): Principal {
  try {
    return validPrincipal({
      actor: { type: pick(["user", "system", "api_key"]), id: anything(500) },
      name: anything(200),
      impersonator: anything(500),
      credential_id: anything(500),
      tenant_id: anything(200),
    });
  } catch {
    return UNKNOWN;
  }
}

function handle(): Handle {
  const made = new Handle("r-1", new Redaction([]), noRecord);
  const calls: readonly (() => void)[] = [
    () => made.setTarget({ id: anything(500), type: anything(50), name: anything(200) }),
    () => made.setTargetName(anything(200)),
    () => made.addMetadata({ [text(9)]: json(4), big: 2n ** 80n, at: new Date(Number.NaN), nan: Number.NaN, map: new Map() }),
    () => made.addMetadata({ long: nearLimit(70_000) }),
    () => made.diff(json(3), json(3)),
    () => made.diff({ a: json(4) }, { a: json(4), [text(3)]: 1e300 }),
  ];
  for (let count = random(5); count > 0; count -= 1) {
    pick(calls)();
  }
  return made;
}

describe("a record of the middleware", () => {
  it("is valid", () => {
    seed(1);
    const match = POLICY.match("POST", "/things/x");
    assert.ok(match?.candidates[0]);
    for (let count = 0; count < RECORDS; count += 1) {
      const headers = { "user-agent": pick([nearLimit(1_024), text(9), ""]) };
      const body = { a: json(3), b: [{ a: json(2) }], tenant: anything(200), list: Array<number>(random(30)).fill(5e-324) };
      const outcome = pick<Outcome>(["success", "failure", "error", "timeout", "disconnected"]);
      const { input } = buildRecord({
        request: { headers } as unknown as IncomingMessage,
        method: "POST",
        matched: { ...match.candidates[0], params: { id: text(900) } },
        handle: handle(),
        principal: principal(),
        address: pick([undefined, "203.0.113.7"]),
        redaction: new Redaction([]),
        body: () => body,
        response: () => body,
        end: pick([undefined, { outcome, status: pick([200, 403, null]), durationMs: 0.5 }]),
        others: [],
      action: undefined,
        intentId: pick([undefined, asIntent(crypto.randomUUID())]),
      });
      const record: unknown = JSON.parse(JSON.stringify(input));
      assert.deepEqual(recordErrors(record, Date.now()), [], JSON.stringify(input).slice(0, 2_000));
    }
  });
});
