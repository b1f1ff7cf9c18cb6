import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { generatedPages } from "../scripts/docs.ts";
import { ERRORS } from "../src/errors.ts";

for (const [name, text] of await generatedPages()) {
  test(`docs/${name} is what scripts/docs.ts writes`, async () => {
    const found = await readFile(new URL(`../docs/${name}`, import.meta.url), "utf8");
    assert.equal(found, text, `run: node scripts/docs.ts`);
  });
}

test("every error says what it means and what to do, in sentences", () => {
  for (const [code, { exit, meaning, remedy }] of Object.entries(ERRORS)) {
    assert.match(code, /^[a-z]+(-[a-z]+)*$/);
    assert.ok(exit > 0 && exit <= 128, code);
    for (const text of [meaning, remedy]) assert.match(text, /^[A-Z].*[.?]$/, code);
  }
});
