// Rebuilds dist/, the contents of the package.
import { rmSync } from "node:fs";
import { run } from "./run.mjs";

rmSync("dist", { recursive: true, force: true });
await run("npx", ["tsc", "-p", "tsconfig.build.json"]);
