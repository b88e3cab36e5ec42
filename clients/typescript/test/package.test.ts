/** The packed package in an empty project, and the code of its README. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";

import { Policy } from "../src/index.js";
import { codeBlocks, compile, installed, run } from "./packed.js";
import { service, stored, unique } from "./support.js";

let project = "";

before(() => {
  project = installed("module");
});

describe("the packed package", () => {
  it("has one dependency and no framework", () => {
    const installed = readdirSync(join(project, "node_modules")).filter((name) => !name.startsWith("."));
    assert.deepEqual(installed.sort(), ["@auditrail", "@types", "smol-toml", "undici-types"]);
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
    const options = ["--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--module", "NodeNext", "--target", "ES2022", "--types", "node"];
    assert.equal(compile([...options, "use.mts"], project), "");
  });

  it("runs the example of the README", async () => {
    const [quick = ""] = codeBlocks("README.md", "ts");
    assert.match(quick, /Recorder\.open/);
    const actor = unique();
    writeFileSync(join(project, "quick.mjs"), quick.replaceAll('"ana"', JSON.stringify(actor)));
    const output = run("node", ["quick.mjs"], project, { AUDITRAIL_URL: service.url, AUDITRAIL_KEY: service.key });
    const records = await stored(actor);
    assert.deepEqual(records.map((record) => record.action).sort(), ["key.revoked", "project.created"]);
    assert.match(output, /project\.created/);
  });

  it("shares the recorder of the README between copies of a module", () => {
    const code = codeBlocks("README.md", "ts").find((block) => block.includes("globalThis")) ?? "";
    writeFileSync(join(project, "shared.mts"), code);
    assert.equal(compile(["--strict", "--module", "NodeNext", "--target", "ES2022", "--types", "node", "shared.mts"], project), "");
    writeFileSync(join(project, "shared.mjs"), code.replace(/ as typeof globalThis & \{.*\}/, ""));
    const both = "const [a, b] = await Promise.all([import('./shared.mjs?a'), import('./shared.mjs?b')]); console.log(a === b, a.recorder === b.recorder); await a.recorder.close();";
    const output = run("node", ["--input-type=module", "--eval", both], project, { AUDITRAIL_URL: service.url, AUDITRAIL_KEY: service.key });
    assert.equal(output.trim(), "false true");
  });

  it("passes the checks of publint", () => {
    run("npx", ["publint", "--strict", "--pack", "false"], ".");
  });

  it("has a valid policy in its README", () => {
    const [policy = ""] = codeBlocks("README.md", "toml");
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
