/** That there is no `any`, and that the rule against it would notice one. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { ESLint } from "eslint";

describe("the lint rules", () => {
  it("refuse `any` in the sources, and find none", async () => {
    const lint = new ESLint();
    const results = await lint.lintFiles(["src", "test"]);
    assert.ok(results.length > 40);
    const wrong = results.flatMap(({ filePath, messages }) => messages.map(({ line, message }) => `${filePath}:${line}: ${message}`));
    assert.deepEqual(wrong, []);
    // Last, because the compiler would keep this in the place of the file.
    const text = "export function f(value: any): unknown {\n  return value;\n}\n";
    const [planted] = await lint.lintText(text, { filePath: "src/clock.ts" });
    assert.ok(planted?.messages.some(({ ruleId }) => ruleId === "@typescript-eslint/no-explicit-any"));
  });
});
