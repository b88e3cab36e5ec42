/** The packed package in the module systems and with the compiler settings of its users. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";

import { compile, installed, lend, run } from "./packed.js";
import { temporary } from "./support.js";

let project = "";

before(() => {
  project = installed("commonjs");
  lend(project, "fastify", "express");
});

/** The output of a script; without `require` of ES modules, as in Node before 20.17. */
function script(name: string, code: string): string {
  writeFileSync(join(project, name), code);
  return run("node", ["--no-experimental-require-module", name], project);
}

const NAMES = "AuditrailClient,AuditrailError,ExactNumber,Feed,Match,Policy,Recorder,Tail";
const SHOW = "console.log(Object.keys(a).sort().join(), Object.keys(b).join(), Object.keys(c).join());";

describe("the packed package", () => {
  it("can be required without support for ES modules", () => {
    const [a, b, c] = ["", "/express", "/fastify"].map((name) => `require("@auditrail/client${name}")`);
    assert.equal(script("require.cjs", `const [a, b, c] = [${a}, ${b}, ${c}];\n${SHOW}`).trim(), `${NAMES} auditrail auditrail`);
  });

  it("can be imported", () => {
    const code = ["a", "b", "c"].map((name, i) => `import * as ${name} from "@auditrail/client${["", "/express", "/fastify"][i]}";`);
    assert.equal(script("import.mjs", `${code.join("\n")}\n${SHOW}`).trim(), `${NAMES} auditrail auditrail`);
  });

  it("is one copy for import and require", () => {
    const output = script(
      "both.mjs",
      `import { createRequire } from "node:module";
import * as imported from "@auditrail/client";
import { auditrail } from "@auditrail/client/express";
const require = createRequire(import.meta.url);
const required = require("@auditrail/client");
const same = Object.keys(required).every((name) => required[name] === imported[name]);
const client = new imported.AuditrailClient({ url: "http://127.0.0.1:1", key: "k" });
const options = { client, spoolDir: ${JSON.stringify(temporary())}, checkOnOpen: false };
const recorder = await required.Recorder.open(options);
const error = await imported.Recorder.open(options).catch((error) => error);
await recorder.close();
console.log(same, auditrail === require("@auditrail/client/express").auditrail, error instanceof required.AuditrailError, error.code);
`,
    );
    assert.equal(output.trim(), "true true true spool_locked");
  });

  it("has errors that another copy recognizes", () => {
    // As when a bundler includes the package in two bundles of a process.
    const output = script(
      "copies.cjs",
      `const first = require("@auditrail/client");
for (const file of Object.keys(require.cache)) delete require.cache[file];
const second = require("@auditrail/client");
class Special extends first.AuditrailError {}
const error = second.AuditrailError.local("a", "b");
console.log(first.AuditrailError !== second.AuditrailError, error instanceof first.AuditrailError, error instanceof Special,
  new Special({ code: "a", detail: "b" }) instanceof second.AuditrailError, new Error("a") instanceof first.AuditrailError, {} instanceof first.AuditrailError);
`,
    );
    assert.equal(output.trim(), "true true false true false false");
  });
});

/** Uses all entry points; compiles as CommonJS too, so without a top-level await. */
const USE = `import { AuditrailClient, AuditrailError, Policy, Recorder, type AuditRecord, type RecordInput } from "@auditrail/client";
import { auditrail, type AuditHandle } from "@auditrail/client/express";
import { auditrail as forFastify } from "@auditrail/client/fastify";
const input: RecordInput = { actor_type: "user", actor_id: "a", action: "a.b", target_type: "t", target_id: "x" };
// @ts-expect-error -- there is no such actor type
export const wrong: RecordInput = { ...input, actor_type: "robot" };
// @ts-expect-error -- an action has two parts
export const unparted: RecordInput = { ...input, action: "created" };
const client = new AuditrailClient({ url: "http://x", key: "k" });
export const opened: Promise<Recorder> = Recorder.open({ client });
export async function use(recorder: Recorder, record: AuditRecord, error: AuditrailError, handle: AuditHandle): Promise<string> {
  const policy = Policy.parse("version = 1");
  const audit = auditrail({ recorder, policy, actor: (request) => ({ actor: { type: "user", id: request.method ?? "" } }) });
  const plugin = forFastify({ recorder, policy, actor: (request) => ({ actor: { type: "user", id: request.ip } }) });
  await recorder.record(input);
  return [record.target_id, error.code, handle.requestId, audit.stats().lost + plugin.stats().lost].join();
}
`;

const STRICT = { noEmit: true, strict: true, esModuleInterop: true, skipLibCheck: false, target: "ES2022" };
const SETTINGS: readonly (readonly [string, "commonjs" | "module", object])[] = [
  ["commonjs, node10", "commonjs", { module: "commonjs", moduleResolution: "node10" }],
  ["commonjs, node10, ES2018", "commonjs", { module: "commonjs", moduleResolution: "node10", target: "ES2018", lib: ["ES2018"] }],
  ["node16 in CommonJS", "commonjs", { module: "node16" }],
  ["nodenext in CommonJS", "commonjs", { module: "nodenext" }],
  ["nodenext in ESM", "module", { module: "nodenext" }],
  ["esnext, bundler", "module", { module: "esnext", moduleResolution: "bundler", verbatimModuleSyntax: true }],
];

describe("the types of the packed package", () => {
  for (const [name, type, settings] of SETTINGS) {
    it(`resolve and check with ${name}`, () => {
      const directory = join(project, name.replaceAll(/\W+/g, "-"));
      mkdirSync(directory);
      // Without the types of Node, which the package must then reference itself.
      const compilerOptions = { ...STRICT, types: [], ...settings };
      writeFileSync(join(directory, "package.json"), JSON.stringify({ type }));
      writeFileSync(join(directory, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["use.ts"] }));
      writeFileSync(join(directory, "use.ts"), USE);
      assert.equal(compile(["-p", directory], project), "");
    });
  }
});
