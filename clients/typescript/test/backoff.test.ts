import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { recordId, timestamp } from "../src/clock.js";
import { AuditrailError } from "../src/index.js";
import { Backoff, verdict } from "../src/recorder/backoff.js";

function error(status: number | undefined, retryAfter?: number, code = "x"): AuditrailError {
  return new AuditrailError({ code, detail: "", status, retryAfter });
}

describe("Backoff", () => {
  it("has full jitter below a bound that doubles from 100 ms to 30 s", () => {
    const longest = new Array<number>(12).fill(0);
    const shortest = new Array<number>(12).fill(Number.POSITIVE_INFINITY);
    for (let round = 0; round < 2_000; round += 1) {
      const backoff = new Backoff(100, 30_000);
      for (let n = 0; n < longest.length; n += 1) {
        const pause = backoff.after(error(500));
        longest[n] = Math.max(longest[n] ?? 0, pause);
        shortest[n] = Math.min(shortest[n] ?? 0, pause);
      }
    }
    for (const [n, most] of longest.entries()) {
      const bound = Math.min(30_000, 100 * 2 ** n);
      assert.ok(most <= bound && most > bound * 0.9, `try ${n}: at most ${most}`);
      assert.ok((shortest[n] ?? 0) < bound * 0.1, `try ${n}: at least ${String(shortest[n])}`);
    }
  });

  it("starts over after a success", () => {
    const backoff = new Backoff(100, 30_000);
    for (let n = 0; n < 20; n += 1) {
      backoff.after(error(500));
    }
    backoff.reset();
    assert.ok(backoff.after(error(500)) <= 100);
  });

  it("honors Retry-After up to 300 s", () => {
    for (let n = 0; n < 100; n += 1) {
      const pause = new Backoff(100, 30_000).after(error(429, 7));
      assert.ok(pause >= 7_000 && pause <= 7_100);
      const long = new Backoff(100, 30_000).after(error(503, 86_400));
      assert.ok(long >= 300_000 && long <= 300_100);
    }
  });

  it("uses the longest pauses after a rejected key", () => {
    for (let n = 0; n < 100; n += 1) {
      const pause = new Backoff(100, 30_000).after(error(401));
      assert.ok(pause >= 15_000 && pause <= 30_000);
    }
  });
});

describe("verdict", () => {
  it("distinguishes permanent, key and temporary errors", () => {
    assert.deepEqual([400, 409, 413, 415, 422].map((status) => verdict(error(status))), Array(5).fill("refused"));
    assert.deepEqual([401, 403].map((status) => verdict(error(status))), ["not_allowed", "not_allowed"]);
    const others = [undefined, 200, 307, 404, 408, 425, 429, 500, 502, 503, 504];
    assert.deepEqual(new Set(others.map((status) => verdict(error(status)))), new Set(["retry"]));
    assert.equal(verdict(error(403, undefined, "other_tenant")), "refused");
  });
});

describe("ids and times", () => {
  it("are unique, ascending, and in the format of the service", () => {
    const made = Array.from({ length: 2_000 }, () => ({ id: recordId(), time: timestamp() }));
    assert.equal(new Set(made.map(({ id }) => id)).size, 2_000);
    const times = made.map(({ time }) => time);
    assert.deepEqual(times, [...times].sort());
    assert.ok(times.every((time) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(time)));
    const at = Number.parseInt(made[0]?.id.replace("-", "").slice(0, 12) ?? "", 16);
    assert.ok(Math.abs(Date.now() - at) < 10_000);
  });
});
