/** There is no `any` in the sources, and the lint rule against it works. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { ESLint } from "eslint";

describe("the lint rules", () => {
  it("find no `any` in the sources, and reject a planted one", async () => {
    const lint = new ESLint();
    const results = await lint.lintFiles(["src", "test"]);
    assert.ok(results.length > 40);
    const wrong = results.flatMap(({ filePath, messages }) => messages.map(({ line, message }) => `${filePath}:${line}: ${message}`));
    assert.deepEqual(wrong, []);
    // Last, because the compiler caches this text for the file.
    const text = "export function f(value: any): unknown {\n  return value;\n}\n";
    const [planted] = await lint.lintText(text, { filePath: "src/clock.ts" });
    assert.ok(planted?.messages.some(({ ruleId }) => ruleId === "@typescript-eslint/no-explicit-any"));
  });
});
