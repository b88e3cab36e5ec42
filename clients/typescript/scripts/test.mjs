// Builds the tests, starts the real service on a private PostgreSQL, and runs them against it.
//
// AUDITRAIL_BIN names the program; default: the one in the target directory of the workspace.
// Arguments are names of test files, such as `spool`.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { run } from "./run.mjs";

const START_MS = 120_000;

rmSync("build", { recursive: true, force: true });
await run("npx", ["tsc", "-p", "tsconfig.json"]);
// Some tests use the package as it is packed.
await run("node", ["scripts/build.mjs"]);

const directory = mkdtempSync(join(tmpdir(), "auditrail-ts-"));
// As root, PostgreSQL runs as another user, who needs access.
chmodSync(directory, 0o755);
const data = join(directory, "data");
const server = spawn(
  program(),
  ["--data-dir", data, "serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"],
  {
    stdio: ["ignore", "pipe", "pipe"],
    cwd: directory,
    env: { ...process.env, AUDITRAIL_LOG: "warn", DATABASE_URL: "", DATABASE_URL_FILE: "" },
  },
);
try {
  const { url, key } = await started();
  const databaseUrl = execFileSync(program(), ["--data-dir", data, "db", "url"], { encoding: "utf8", cwd: directory }).trim();
  const files = process.argv.slice(2).map((name) => `build/test/${name}.test.js`);
  const all = readdirSync("build/test").filter((name) => name.endsWith(".test.js"));
  const which = files.length > 0 ? files : all.map((name) => `build/test/${name}`);
  const args = ["--test", "--test-concurrency=2", "--test-reporter=spec", ...which];
  const env = {
    ...process.env,
    AUDITRAIL_TS_URL: url,
    AUDITRAIL_TS_KEY: key,
    AUDITRAIL_TS_DATABASE_URL: databaseUrl,
    AUDITRAIL_TS_PROGRAM: program(),
    AUDITRAIL_KEY: "",
    AUDITRAIL_KEY_FILE: "",
  };
  await run(process.execPath, args, env);
} finally {
  const exited = server.exitCode === null ? once(server, "exit") : undefined;
  server.kill("SIGTERM");
  await exited;
  rmSync(directory, { recursive: true, force: true });
}

function program() {
  const target = process.env.CARGO_TARGET_DIR ?? "../../target";
  const known = [process.env.AUDITRAIL_BIN, join(target, "release/auditrail"), join(target, "debug/auditrail")];
  const found = known.find((path) => path && existsSync(path));
  if (!found) {
    throw new Error("cannot find the program auditrail: run `cargo build -p auditrail`, or set AUDITRAIL_BIN");
  }
  return resolve(found);
}

/** The first serve on an empty database prints its key on stdout and its address on stderr. */
async function started() {
  let [out, err] = ["", ""];
  server.stdout.on("data", (bytes) => (out += bytes));
  server.stderr.on("data", (bytes) => (err += bytes));
  const deadline = Date.now() + START_MS;
  while (Date.now() < deadline && server.exitCode === null) {
    const url = /listening on (http:\/\/[\d.:]+)/.exec(err)?.[1];
    const key = /^(adt_\S+)$/m.exec(out)?.[1];
    if (url && key) {
      return { url, key };
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`the service did not start:\n${err}`);
}
