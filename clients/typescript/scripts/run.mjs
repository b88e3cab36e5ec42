// Runs a program; if it fails, sets its exit code and throws.
import { spawn } from "node:child_process";
import { once } from "node:events";

export async function run(program, args, env = process.env) {
  const child = spawn(program, args, { stdio: "inherit", env });
  const [code] = await once(child, "exit");
  if (code !== 0) {
    process.exitCode = code ?? 1;
    throw new Error(`${program} ${args.slice(0, 3).join(" ")} failed`);
  }
}
