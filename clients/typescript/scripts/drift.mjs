// Fails if the generated types do not match openapi.json.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const COMMITTED = "src/generated/openapi.ts";
const directory = mkdtempSync(join(tmpdir(), "auditrail-drift-"));
const fresh = join(directory, "openapi.ts");
const { scripts } = JSON.parse(readFileSync("package.json", "utf8"));
const [, ...args] = scripts.generate.replace(COMMITTED, fresh).split(" ");
execFileSync("npx", ["openapi-typescript", ...args], { stdio: "ignore" });
const same = readFileSync(fresh, "utf8") === readFileSync(COMMITTED, "utf8");
rmSync(directory, { recursive: true });
if (!same) {
  console.error(`${COMMITTED} does not match openapi.json: run \`npm run generate\` and review the difference`);
  process.exitCode = 1;
}
