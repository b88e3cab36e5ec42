// Builds the tests, starts the real service on a private PostgreSQL, and runs them against it.
//
// AUDITRAIL_BIN names the program; default: the one in the target directory of the workspace.
// Arguments are names of test files, such as `spool`. With --retry failed files are tried once more: machines of CI are
// shared, and a stall should not hide what the others say. A file that passes then is named as flaky: a bug to be mended.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { run } from "./run.mjs";

const START_MS = 120_000;
/** The service ends within its shutdown grace, 20 s. */
const STOP_MS = 60_000;
/** The longest a file of tests may take: a test that waits for ever fails, with its name. */
const FILE_MS = 300_000;
/** The reporter of failed files, and what it writes. */
const FAILED = { reporter: "./scripts/failed-files.mjs", path: "build/failed-files.txt" };

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
  const { values, positionals } = parseArgs({ options: { retry: { type: "boolean" } }, allowPositionals: true });
  const files = positionals.map((name) => `build/test/${name}.test.js`);
  const all = readdirSync("build/test").filter((name) => name.endsWith(".test.js"));
  const which = files.length > 0 ? files : all.map((name) => `build/test/${name}`);
  const env = {
    ...process.env,
    AUDITRAIL_TS_URL: url,
    AUDITRAIL_TS_KEY: key,
    AUDITRAIL_TS_DATABASE_URL: databaseUrl,
    AUDITRAIL_TS_PROGRAM: program(),
    AUDITRAIL_KEY: "",
    AUDITRAIL_KEY_FILE: "",
  };
  const failed = await test(which, env);
  const failedAgain = values.retry && failed.length > 0 ? await test(failed, env) : failed;
  for (const file of failed) {
    console.log(`${failedAgain.includes(file) ? "FAILED" : "FLAKY"}: ${file}`);
  }
  process.exitCode = failedAgain.length > 0 ? 1 : 0;
} finally {
  const exited = server.exitCode === null ? once(server, "exit") : undefined;
  server.kill("SIGTERM");
  const kill = setTimeout(() => server.kill("SIGKILL"), STOP_MS);
  await exited;
  clearTimeout(kill);
  rmSync(directory, { recursive: true, force: true });
}

/** Runs files of tests, and returns those that failed. */
async function test(files, env) {
  const args = ["--test", `--test-timeout=${FILE_MS}`, "--test-concurrency=2"];
  const reporters = [
    ...["--test-reporter=spec", "--test-reporter-destination=stdout"],
    ...[`--test-reporter=${FAILED.reporter}`, `--test-reporter-destination=${FAILED.path}`],
  ];
  const passed = await run(process.execPath, [...args, ...reporters, ...files], env).then(() => true, () => false);
  if (passed) {
    return [];
  }
  const failed = readFileSync(FAILED.path, "utf8").split("\n").filter(Boolean);
  return failed.length > 0 ? failed : files;
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
