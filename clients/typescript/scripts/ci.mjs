// All checks of this package in CI, with the duration of each step.
import { run } from "./run.mjs";

const steps = [
  ["npm", "ci", "--no-audit", "--no-fund"],
  ["npm", "run", "--silent", "lint"],
  ["npm", "run", "--silent", "check:drift"],
  ["npm", "run", "--silent", "build"],
  ["npm", "run", "--silent", "test", "--", "--retry"],
];
const begin = Date.now();
for (const [program, ...args] of steps) {
  const start = Date.now();
  await run(program, args);
  console.log(`== ${args.filter((arg) => !arg.startsWith("-")).join(" ")} passed in ${((Date.now() - start) / 1000).toFixed(1)} s`);
}
console.log(`all passed in ${((Date.now() - begin) / 1000).toFixed(1)} s`);
