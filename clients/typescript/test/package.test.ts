/** The packed package in an empty project, and the code of its README. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { before, describe, it } from "node:test";

import { Policy } from "../src/index.js";
import { service, stored, temporary, unique } from "./support.js";

const project = temporary();
const modules = join(project, "node_modules");

function run(program: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}): string {
  return execFileSync(program, args, { cwd, encoding: "utf8", env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
}

/** The code blocks of a language in the README. */
function blocks(language: string): string[] {
  const readme = readFileSync("README.md", "utf8");
  return [...readme.matchAll(new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``, "g"))].map(([, code = ""]) => code);
}

before(() => {
  run("node", ["scripts/build.mjs"], ".");
  const packed = JSON.parse(run("npm", ["pack", "--json", "--pack-destination", project], ".")) as { filename: string; files: { path: string }[] }[];
  const [tarball] = packed;
  assert.ok(tarball);
  const unexpected = tarball.files.filter(({ path }) => !/^(dist\/.*\.(js|d\.ts)|README\.md|LICENSE|package\.json)$/.test(path));
  assert.deepEqual(unexpected, []);
  writeFileSync(join(project, "package.json"), '{"name":"empty","private":true,"type":"module"}');
  // As a user installs it. A user's project provides the types of Node.
  const { devDependencies } = JSON.parse(readFileSync("package.json", "utf8")) as { devDependencies: Record<string, string> };
  const types = `@types/node@${devDependencies["@types/node"] ?? ""}`;
  run("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", `./${tarball.filename}`, types], project);
});

describe("the packed package", () => {
  it("has one dependency and no framework", () => {
    const installed = readdirSync(modules).filter((name) => !name.startsWith("."));
    assert.deepEqual(installed.sort(), ["@auditrail", "@types", "smol-toml", "undici-types"]);
  });

  it("can be imported by its three entry points", () => {
    const names = "import * as a from '@auditrail/client'; import * as b from '@auditrail/client/express'; import * as c from '@auditrail/client/fastify'; console.log([Object.keys(a), Object.keys(b), Object.keys(c)].join(';'));";
    const shown = run("node", ["--input-type=module", "--eval", names], project).trim().split(";");
    assert.deepEqual(shown, ["AuditrailClient,AuditrailError,Match,Policy,Recorder", "auditrail", "auditrail"]);
  });

  it("type-checks with the strictest options and no framework", () => {
    writeFileSync(
      join(project, "use.mts"),
      `import { AuditrailClient, AuditrailError, Policy, Recorder, type RecordInput } from "@auditrail/client";
import { auditrail } from "@auditrail/client/express";
const input: RecordInput = { actor_type: "user", actor_id: "a", action: "a.b", target_type: "t", target_id: "x" };
// @ts-expect-error -- there is no such actor type
const wrong: RecordInput = { ...input, actor_type: "robot" };
export const recorder: Recorder = await Recorder.open({ client: new AuditrailClient({ url: "http://x", key: "k" }) });
export const middleware = auditrail({ recorder, policy: Policy.parse("version = 1"), actor: () => undefined });
export const code: (error: AuditrailError) => string = (error) => error.code;
export { wrong };
`,
    );
    const options = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--module", "NodeNext", "--target", "ES2022", "--types", "node"];
    run("node", [resolve("node_modules/typescript/bin/tsc"), ...options, "use.mts"], project);
  });

  it("runs the example of the README", async () => {
    const [quick = ""] = blocks("ts");
    assert.match(quick, /Recorder\.open/);
    const actor = unique();
    writeFileSync(join(project, "quick.mjs"), quick.replaceAll('"ana"', JSON.stringify(actor)));
    const output = run("node", ["quick.mjs"], project, { AUDITRAIL_URL: service.url, AUDITRAIL_KEY: service.key });
    const records = await stored(actor);
    assert.deepEqual(records.map((record) => record.action).sort(), ["key.revoked", "project.created"]);
    assert.match(output, /project\.created/);
  });

  it("has a valid policy in its README", () => {
    const [policy = ""] = blocks("toml");
    assert.equal(Policy.parse(policy).rules.length, 1);
  });

  it("has the license and version of the workspace", () => {
    const json = JSON.parse(readFileSync("package.json", "utf8")) as Record<string, unknown> & { dependencies: object };
    assert.deepEqual(Object.keys(json.dependencies), ["smol-toml"]);
    const cargo = readFileSync("../../Cargo.toml", "utf8");
    assert.equal(json["version"], /^version = "(.*)"$/m.exec(cargo)?.[1]);
    assert.equal(json["license"], /^license = "(.*)"$/m.exec(cargo)?.[1]);
    assert.equal(readFileSync("LICENSE", "utf8"), readFileSync("../../LICENSE", "utf8"));
    const lock = readFileSync("package-lock.json", "utf8");
    assert.ok(!lock.includes('"resolved"'));
  });
});
