/** The applications in examples/, with the packed package and the commands of their pages. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";

import { codeBlocks, installed, lend, run } from "./packed.js";
import { service, stored, unique, until } from "./support.js";

let project = "";

before(() => {
  project = installed("module");
  lend(project, "express", "fastify");
});

for (const name of ["express", "fastify"]) {
  describe(`the example ${name}`, () => {
    const source = join("../../examples", name);

    it("records the requests of its page", async () => {
      const directory = join(project, name);
      cpSync(source, directory, { recursive: true });
      const env = { ...process.env, AUDITRAIL_URL: service.url, AUDITRAIL_KEY: service.key, PORT: "0" };
      const child = spawn(process.execPath, ["app.js"], { cwd: directory, env, stdio: ["ignore", "pipe", "inherit"] });
      after(() => child.kill("SIGKILL"));
      let output = "";
      child.stdout.on("data", (bytes: Buffer) => (output += bytes.toString()));
      await until(() => output.includes("\n"), "the application");
      const url = /listening on (http:\S+)/.exec(output)?.[1] ?? "";
      const [actor, commands] = [unique(), codeBlocks(join(source, "README.md"), "sh").at(-1) ?? ""];
      const requests = commands.split("\n").filter((line) => line.startsWith("curl"));
      const script = requests.join("\n").replaceAll("http://127.0.0.1:3000", url).replaceAll("x-user: ana", `x-user: ${actor}`);
      run("sh", ["-e", "-c", script.replaceAll("curl ", "curl -s ")], project);
      child.kill("SIGTERM");
      assert.deepEqual(await once(child, "exit"), [0, null]);
      const records = await stored(actor);
      assert.deepEqual(records.map(({ action, target_id, outcome }) => [action, target_id, outcome]), [["project.deleted", "apollo", "success"]]);
      const refused = (await stored("anonymous")).filter(({ target_id }) => target_id === "gemini");
      assert.ok(refused.some(({ outcome, action }) => outcome === "denied" && action === "project.deleted"));
    });

    it("names the packed file of this version", () => {
      const read = (path: string): { version?: string; dependencies?: Record<string, string> } => JSON.parse(readFileSync(path, "utf8")) as object;
      const { version } = read("package.json");
      assert.equal(read(join(source, "package.json")).dependencies?.["@auditrail/client"], `file:auditrail-client-${version}.tgz`);
    });
  });
}
