// A reporter of node:test that prints the paths of the files with a failed test, once each.
import { relative } from "node:path";

export default async function* failedFiles(source) {
  const files = new Set();
  for await (const { type, data } of source) {
    // The test of a whole file that did not end has the file as its name.
    const file = data.file ?? data.name;
    if (type === "test:fail" && typeof file === "string" && file.endsWith(".test.js") && !files.has(file)) {
      files.add(file);
      yield `${relative(".", file)}\n`;
    }
  }
}
