// Rebuilds dist/, the contents of the package: the code as CommonJS, and for each entry point an ES module that
// exports the same objects. There is one copy of the code, so that a process that uses both forms has one class
// `AuditrailError`, not two.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { run } from "./run.mjs";

rmSync("dist", { recursive: true, force: true });
await run("npx", ["tsc", "-p", "tsconfig.build.json"]);
// The sources are ES modules; the files of dist/ are not.
writeFileSync("dist/package.json", '{"type":"commonjs"}\n');

const require = createRequire(import.meta.url);
const { exports } = JSON.parse(readFileSync("package.json", "utf8"));
for (const { require: entry } of Object.values(exports).filter((target) => target.require)) {
  const name = /([^/]+)\.js$/.exec(entry.default)[1];
  const values = Object.keys(require(`../dist/${name}.js`)).join(", ");
  writeFileSync(`dist/${name}.mjs`, `export { ${values} } from "./${name}.js";\n`);
  writeFileSync(`dist/${name}.d.mts`, `export * from "./${name}.js";\n`);
}
