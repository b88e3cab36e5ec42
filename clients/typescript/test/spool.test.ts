import assert from "node:assert/strict";
import { appendFileSync, chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";

import { AuditrailError } from "../src/index.js";
import { decode, encode } from "../src/spool/line.js";
import { Spool } from "../src/spool/spool.js";
import { Proxy } from "./proxy.js";
import { balanced, recorder } from "./recorder-fixtures.js";
import { contents, sample, stored, temporary, unique, until } from "./support.js";

const MIB = 1024 * 1024;

/** Reads and acknowledges all records, a few at a time. */
async function drain(spool: Spool, maxRecords = 3): Promise<string[]> {
  const found: string[] = [];
  for (;;) {
    const batch = await spool.read(maxRecords, MIB);
    if (batch === undefined) {
      return found;
    }
    found.push(...batch.items.map(({ text }) => text));
    await spool.acknowledge(batch.next);
  }
}

function segmentsOf(directory: string): string[] {
  return readdirSync(directory).filter((name) => /^\d+\.ndjson$/.test(name));
}

describe("a line of the spool", () => {
  it("is JSON, and any changed byte is detected", () => {
    for (const stamped of [false, true]) {
      const record = { text: '{"a":"ü"}', stamped };
      const line = encode(record);
      const members = JSON.parse(line.toString()) as Record<string, unknown>;
      assert.deepEqual(members[stamped ? "stamped" : "record"], { a: "ü" });
      assert.deepEqual(decode(line), record);
      for (let index = 0; index < line.length; index += 1) {
        const damaged = Buffer.from(line);
        damaged[index] = (damaged[index] ?? 0) ^ 1;
        assert.equal(decode(damaged), undefined, `byte ${index}`);
      }
    }
    assert.equal(decode(Buffer.from("\n")), undefined);
  });
});

describe("a spool", () => {
  it("returns records in order over many segments, and deletes them", async () => {
    const directory = temporary();
    const spool = await Spool.open(directory, 128 * 1024);
    const texts = Array.from({ length: 300 }, (_, i) => JSON.stringify({ i, pad: "x".repeat(100) }));
    await Promise.all(texts.map((text) => spool.append(text)));
    for (const text of texts) {
      await spool.append(text);
    }
    assert.ok(segmentsOf(directory).length >= 4);
    const before = spool.bytes;
    assert.deepEqual(await drain(spool, 7), [...texts, ...texts]);
    assert.equal(segmentsOf(directory).length, 1);
    assert.ok(spool.bytes < before / 4);
    await spool.close();
  });

  it("keeps exactly the unacknowledged records across reopens", async () => {
    const directory = temporary();
    const first = await Spool.open(directory, MIB);
    await Promise.all(["1", "2", "3", "4"].map((text) => first.append(text)));
    const batch = await first.read(2, MIB);
    assert.ok(batch);
    assert.deepEqual(batch.items, [
      { text: "1", stamped: false, recovered: false },
      { text: "2", stamped: false, recovered: false },
    ]);
    await first.acknowledge(batch.next);
    await first.close();
    const second = await Spool.open(directory, MIB);
    assert.equal(second.recovered, 2);
    await second.append("5");
    assert.deepEqual(await drain(second), ["3", "4", "5"]);
    await second.close();
    const third = await Spool.open(directory, MIB);
    assert.equal(third.recovered, 0);
    assert.deepEqual(segmentsOf(directory), []);
    await third.append("6");
    await third.close();
    const fourth = await Spool.open(directory, MIB);
    assert.deepEqual(await drain(fourth), ["6"]);
    await fourth.close();
  });

  it("truncates a torn last line and quarantines a damaged one", async () => {
    const directory = temporary();
    const first = await Spool.open(directory, MIB);
    await Promise.all(["1", "2", "3"].map((text) => first.append(text)));
    await first.close();
    const [name = ""] = segmentsOf(directory);
    const file = join(directory, name);
    const whole = readFileSync(file, "utf8");
    const damaged = whole.replace('"record":2', '"record":7');
    writeFileSync(file, damaged + encode({ text: "4", stamped: false }).toString().slice(0, -3));
    const second = await Spool.open(directory, MIB);
    assert.deepEqual([second.recovered, second.torn], [3, 1]);
    assert.deepEqual(await drain(second), ["1", "3"]);
    assert.match(readFileSync(join(directory, "quarantine.ndjson"), "utf8"), /"record":7/);
    await second.append("5");
    await second.close();
    const third = await Spool.open(directory, MIB);
    assert.deepEqual([await drain(third), third.torn], [["5"], 0]);
    await third.close();
  });

  it("survives megabytes of garbage and an invalid position", async () => {
    const directory = temporary();
    const first = await Spool.open(directory, 64 * MIB);
    await first.append("1");
    await first.close();
    const [name = ""] = segmentsOf(directory);
    appendFileSync(join(directory, name), Buffer.concat([Buffer.alloc(3 * MIB, 0x78), Buffer.from("\n"), encode({ text: "2", stamped: false })]));
    writeFileSync(join(directory, "position.json"), "{");
    const second = await Spool.open(directory, 64 * MIB);
    assert.deepEqual(await drain(second), ["1", "2"]);
    await second.append("3");
    await second.close();
    writeFileSync(join(directory, "position.json"), '{"segment":1,"offset":99999999}\n');
    const third = await Spool.open(directory, 64 * MIB);
    assert.deepEqual(await drain(third), ["3"]);
    await third.close();
  });

  it("rejects at its limit until records are acknowledged", async () => {
    const directory = temporary();
    const spool = await Spool.open(directory, 4_000);
    const text = JSON.stringify("x".repeat(100));
    let taken = 0;
    await assert.rejects(async () => {
      for (; taken < 100; taken += 1) {
        await spool.append(text);
      }
    }, { code: "spool_full" });
    assert.ok(taken > 20 && spool.bytes <= 4_000);
    assert.equal((await drain(spool)).length, taken);
    await spool.append(text);
    await spool.close();
  });

  it("is readable by its owner only", async () => {
    const directory = join(temporary(), "deep", "spool");
    const spool = await Spool.open(directory, MIB);
    await spool.append("1");
    await drain(spool);
    assert.equal(statSync(directory).mode & 0o777, 0o700);
    for (const name of readdirSync(directory)) {
      assert.equal(statSync(join(directory, name)).mode & 0o777, 0o600, name);
    }
    await spool.close();
  });

  it("keeps the permissions of an existing directory", async () => {
    const directory = temporary();
    chmodSync(directory, 0o755);
    await (await Spool.open(directory, MIB)).close();
    assert.equal(statSync(directory).mode & 0o777, 0o755);
  });

  it("continues after a failed write", async (t) => {
    const directory = temporary();
    const spool = await Spool.open(directory, MIB);
    const opened = await open(directory, "r");
    const writing = t.mock.method(Object.getPrototypeOf(opened) as { write: () => Promise<unknown> }, "write", () =>
      Promise.reject(Object.assign(new Error("no space left"), { code: "ENOSPC" })),
    );
    await opened.close();
    for (let i = 0; i < 5; i += 1) {
      await assert.rejects(spool.append("lost"), { code: "spool_full" });
    }
    writing.mock.restore();
    assert.deepEqual(segmentsOf(directory), []);
    await spool.append("1");
    assert.deepEqual(await drain(spool), ["1"]);
    await spool.close();
  });

  it("is released if its position cannot be written, without loss", async (t) => {
    const directory = temporary();
    const spool = await Spool.open(directory, MIB);
    await Promise.all(["1", "2"].map((text) => spool.append(text)));
    const batch = await spool.read(1, MIB);
    assert.ok(batch);
    await spool.acknowledge(batch.next);
    const opened = await open(directory, "r");
    const writing = t.mock.method(Object.getPrototypeOf(opened) as { writeFile: () => Promise<void> }, "writeFile", () =>
      Promise.reject(Object.assign(new Error("no space left"), { code: "ENOSPC" })),
    );
    await opened.close();
    await spool.close();
    assert.equal(writing.mock.callCount(), 1);
    writing.mock.restore();
    const again = await Spool.open(directory, MIB);
    assert.deepEqual(await drain(again), ["1", "2"]);
    await again.close();
  });

  it("is locked by one process, and stale locks are replaced", async () => {
    const directory = temporary();
    const spool = await Spool.open(directory, MIB);
    await assert.rejects(Spool.open(directory, MIB), { code: "spool_locked" });
    await spool.close();
    assert.equal(existsSync(join(directory, "lock")), false);
    // The id of a live process with another start time, then no process, then damage.
    for (const text of [`{"pid":${process.pid},"started":"x/1"}`, '{"pid":999999999,"started":null}', ""]) {
      writeFileSync(join(directory, "lock"), text);
      const again = await Spool.open(directory, MIB);
      await again.close();
    }
    writeFileSync(join(directory, "lock"), '{"pid":999999999,"started":null}');
    const racers = await Promise.allSettled([1, 2, 3, 4].map(() => Spool.open(directory, MIB)));
    const winners = racers.flatMap((racer) => (racer.status === "fulfilled" ? [racer.value] : []));
    assert.equal(winners.length, 1);
    await winners[0]?.close();
  });
});

describe("a recorder with a spool", () => {
  it("counts damaged records and delivers the rest once", async () => {
    const actor = unique();
    const spoolDir = temporary();
    const proxy = await Proxy.start();
    await proxy.stop();
    const first = await recorder(proxy.url, { spoolDir });
    for (const target_id of ["p1", "p2", "p3"]) {
      await first.record(sample(actor, { target_id }));
    }
    assert.equal((await first.close({ deadlineMs: 0 })).pending, 3);
    const [name = ""] = segmentsOf(spoolDir);
    const file = join(spoolDir, name);
    writeFileSync(file, readFileSync(file, "utf8").replace("p2", "px"));
    await proxy.restart();
    const second = await recorder(proxy.url, { spoolDir });
    await until(() => second.stats().pending === 0, "delivery");
    const stats = second.stats();
    assert.deepEqual([stats.recovered, stats.redelivered, stats.quarantined], [3, 2, 1]);
    assert.ok(balanced(second));
    assert.deepEqual((await stored(actor)).map((record) => record.target_id).sort(), ["p1", "p3"]);
    await second.close();
  });

  it("rejects with `spool_full` at its limit and loses no spooled record", async () => {
    const actor = unique();
    const proxy = await Proxy.start();
    await proxy.stop();
    const here = await recorder(proxy.url, { spoolDir: temporary(), spoolMaxBytes: 10_000 });
    let taken = 0;
    const rejected: unknown[] = [];
    for (let i = 0; i < 60; i += 1) {
      await here.record(sample(actor)).then(
        () => (taken += 1),
        (error: unknown) => rejected.push(error),
      );
    }
    assert.ok(rejected.length > 0 && rejected.every((error) => error instanceof AuditrailError && error.code === "spool_full"));
    assert.equal(here.stats().dropped.spool_full, rejected.length);
    await proxy.restart();
    await here.flush();
    assert.equal((await stored(actor)).length, taken);
    assert.ok(balanced(here));
  });

  it("shares syncs between concurrent records", async () => {
    const spoolDir = temporary();
    mkdirSync(spoolDir, { recursive: true });
    const proxy = await Proxy.start();
    await proxy.stop();
    const here = await recorder(proxy.url, { spoolDir });
    await Promise.all(Array.from({ length: 2_000 }, (_, i) => here.record(sample("a", { target_id: `p${i}` }))));
    assert.equal(here.stats().spooled, 2_000);
    assert.equal(contents(spoolDir).split('"crc"').length - 1, 2_000);
  });
});
