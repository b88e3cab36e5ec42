/** The package as users get it: packed and installed in an empty project. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { temporary } from "./support.js";

/** Runs a program and returns its output; its errors are part of the exception. */
export function run(program: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}): string {
  return execFileSync(program, args, { cwd, encoding: "utf8", env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
}

/** Runs the compiler of this package, and returns its messages. */
export function compile(args: readonly string[], cwd: string): string {
  try {
    return run("node", [resolve("node_modules/typescript/bin/tsc"), "--noEmit", ...args], cwd);
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

/** The code blocks of a language in a page. */
export function codeBlocks(page: string, language: string): string[] {
  const blocks = readFileSync(page, "utf8").matchAll(new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``, "g"));
  return [...blocks].map(([, code = ""]) => code);
}

/** Packs the package, which scripts/test.mjs has built, and installs it with the types of Node in a new project; returns its directory. */
export function installed(type: "module" | "commonjs"): string {
  const project = temporary();
  const packed = JSON.parse(run("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", project], ".")) as { filename: string; files: { path: string }[] }[];
  const [tarball] = packed;
  assert.ok(tarball);
  const expected = /^(dist\/.*\.(m?js|d\.m?ts)|dist\/package\.json|README\.md|LICENSE|package\.json)$/;
  assert.deepEqual(tarball.files.filter(({ path }) => !expected.test(path)), []);
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "empty", private: true, type }));
  // As a user installs it. A user's project provides the types of Node.
  const { devDependencies } = JSON.parse(readFileSync("package.json", "utf8")) as { devDependencies: Record<string, string> };
  const types = `@types/node@${devDependencies["@types/node"] ?? ""}`;
  run("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", `./${tarball.filename}`, types], project);
  return project;
}

/** Makes packages of this one available in a project. */
export function lend(project: string, ...names: readonly string[]): void {
  for (const name of names) {
    symlinkSync(resolve("node_modules", name), join(project, "node_modules", name));
  }
}
