// Makes dist/ anew: what the package holds.
import { rmSync } from "node:fs";
import { run } from "./run.mjs";

rmSync("dist", { recursive: true, force: true });
await run("npx", ["tsc", "-p", "tsconfig.build.json"]);
