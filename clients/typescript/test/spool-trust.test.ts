/** Spools that another user could have written to. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, lchownSync, linkSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";

import { Recorder } from "../src/index.js";
import { encode } from "../src/spool/line.js";
import { QUICK } from "./recorder-fixtures.js";
import { client, sample, stored, temporary, unique } from "./support.js";

/** A user other than the one of the tests. */
const STRANGER = 65_534;
const isRoot = process.getuid?.() === 0;
const unlessRoot = isRoot ? false : "needs root, to act as two users";

/** An empty spool directory of this user. */
function spoolIn(parent: string): string {
  const directory = join(parent, "spool");
  mkdirSync(directory, { mode: 0o700 });
  return directory;
}

async function open(spoolDir: string): Promise<Recorder> {
  return Recorder.open({ client: client(), spoolDir, ...QUICK });
}

/** Why a spool is refused. */
async function refusal(spoolDir: string): Promise<string> {
  const error = await open(spoolDir).then(
    async (recorder) => {
      await recorder.close();
      throw new Error(`${spoolDir} was opened`);
    },
    (error: unknown) => error as { code: string; detail: string },
  );
  assert.equal(error.code, "spool_unsafe", error.detail);
  const [, reason = ""] = error.detail.split(" is not safe to use: ");
  return reason;
}

/** A record that another user put into a directory. */
function forged(actor: string): Buffer {
  return encode({ text: JSON.stringify(sample(actor, { action: "secret.accessed" })), stamped: false });
}

describe("a spool directory", () => {
  it("is refused if others can write to it", async () => {
    for (const mode of [0o777, 0o1777, 0o770, 0o720, 0o702, 0o2775]) {
      const directory = spoolIn(temporary());
      chmodSync(directory, mode);
      const expected = `group or others can write to it (mode ${mode.toString(8).padStart(4, "0")})`;
      assert.ok((await refusal(directory)).startsWith(expected));
      assert.deepEqual(readdirSync(directory), [], "nothing is created");
      assert.equal(statSync(directory).mode & 0o7777, mode, "it is not repaired");
    }
  });

  it("is refused if it belongs to another user", async () => {
    const directory = isRoot ? spoolIn(temporary()) : "/usr";
    if (isRoot) {
      chownSync(directory, STRANGER, STRANGER);
    }
    assert.ok((await refusal(directory)).startsWith(`it belongs to user ${isRoot ? STRANGER : 0}, but`));
  });

  it("may be a link of this user, not of another", async () => {
    const parent = temporary();
    const link = join(parent, "link");
    symlinkSync(spoolIn(parent), link);
    await (await open(link)).close();
    if (isRoot) {
      lchownSync(link, STRANGER, STRANGER);
      for (const path of [link, `${link}/`]) {
        assert.ok((await refusal(path)).startsWith(`it is a symbolic link of user ${STRANGER}`));
      }
    }
  });

  it("delivers no forged records, and overwrites no file", { skip: unlessRoot }, async () => {
    const [actor, parent] = [unique("forged"), temporary()];
    const directory = spoolIn(parent);
    chmodSync(directory, 0o777);
    chownSync(directory, STRANGER, STRANGER);
    const victim = join(parent, "victim");
    writeFileSync(victim, "precious");
    writeFileSync(join(directory, "000000000001.ndjson"), forged(actor));
    symlinkSync(victim, join(directory, "position.json.new"));
    await refusal(directory);
    // Nor after the administrator has corrected the directory, but not its contents.
    chownSync(directory, 0, 0);
    chmodSync(directory, 0o700);
    chownSync(join(directory, "000000000001.ndjson"), STRANGER, STRANGER);
    assert.ok((await refusal(directory)).startsWith(`000000000001.ndjson in it belongs to user ${STRANGER}`));
    assert.equal(readFileSync(victim, "utf8"), "precious");
    assert.deepEqual(await stored(actor), []);
  });
});

describe("a file of a spool", () => {
  const NAMES = ["lock", "000000000001.ndjson", "position.json", "refused.ndjson", "quarantine.ndjson"];
  const puts: readonly (readonly [string, string, (file: string, victim: string) => void])[] = [
    ["a link", "is not a regular file", (file, victim) => symlinkSync(victim, file)],
    ["a dangling link", "is not a regular file", (file) => symlinkSync("nowhere", file)],
    ["a directory", "is not a regular file", (file) => mkdirSync(file)],
    ["a pipe", "is not a regular file", (file) => execFileSync("mkfifo", ["-m", "600", file])],
    ["writable by others", "can be written by group or others (mode 0660)", (file) => {
      writeFileSync(file, "");
      chmodSync(file, 0o660);
    }],
  ];
  for (const [what, reason, put] of puts) {
    it(`is refused if it is ${what}`, async () => {
      for (const name of NAMES) {
        const parent = temporary();
        const [directory, victim] = [spoolIn(parent), join(parent, "victim")];
        writeFileSync(victim, "precious");
        put(join(directory, name), victim);
        assert.ok((await refusal(directory)).startsWith(`${name} in it ${reason}`), name);
        assert.equal(readFileSync(victim, "utf8"), "precious");
      }
    });
  }

  it("is refused if it has another name", async () => {
    for (const name of NAMES.slice(1)) {
      const parent = temporary();
      const [directory, victim] = [spoolIn(parent), join(parent, "victim")];
      writeFileSync(victim, "precious", { mode: 0o600 });
      linkSync(victim, join(directory, name));
      assert.ok((await refusal(directory)).startsWith(`${name} in it has 2 names (hard links)`), name);
    }
  });

  it("is refused if it belongs to another user", { skip: unlessRoot }, async () => {
    for (const name of NAMES) {
      const directory = spoolIn(temporary());
      writeFileSync(join(directory, name), "");
      chownSync(join(directory, name), STRANGER, STRANGER);
      assert.ok((await refusal(directory)).startsWith(`${name} in it belongs to user ${STRANGER}`), name);
    }
  });

  it("is not followed if a link appears later", async () => {
    const [actor, parent] = [unique(), temporary()];
    const [directory, victim] = [spoolIn(parent), join(parent, "victim")];
    writeFileSync(victim, "precious");
    const here = await open(directory);
    for (const name of ["position.json.new", "refused.ndjson", "quarantine.ndjson"]) {
      symlinkSync(victim, join(directory, name));
    }
    await here.record(sample(actor));
    await assert.rejects(here.record(sample("")), { code: "empty" });
    await here.close();
    assert.equal(readFileSync(victim, "utf8"), "precious");
    assert.equal((await stored(actor)).length, 1);
    assert.equal(here.stats().deadLettersDropped, 1);
  });

  it("does not keep a crash from being recovered", async () => {
    // A process that was killed between two steps leaves these.
    const [actor, directory] = [unique(), spoolIn(temporary())];
    const options = { mode: 0o600 };
    writeFileSync(join(directory, "lock.1"), '{"pid":999999999}', options);
    linkSync(join(directory, "lock.1"), join(directory, "lock"));
    writeFileSync(join(directory, "position.json.new"), "{", options);
    writeFileSync(join(directory, "000000000001.ndjson"), Buffer.concat([forged(actor), Buffer.from("torn")]), options);
    const here = await open(directory);
    await here.close();
    assert.equal((await stored(actor)).length, 1);
  });
});
