import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { ROOT, blocksOf, documents, isSetUp } from "./support/documents.ts";

/** What a reader does before there is a program to run, and the project's own commands. */
const SET_UP = /^(#|git |npm |cd |ln |export PATH=|sudo |apt-get |$)/;

test("documents hold their commands in sh blocks, and set-up blocks only set things up", () => {
  const bad = documents().flatMap(({ path, blocks }) =>
    blocks.flatMap((block) => {
      if (/^(bash|shell|console|zsh)$/.test(block.language)) return [`${path}:${block.line}`];
      if (block.language !== "sh" || !isSetUp(block)) return [];
      const wrong = block.text.split("\n").filter((line) => !SET_UP.test(line));
      return wrong.map((line) => `${path}:${block.line} ${line}`);
    }),
  );
  assert.deepEqual(bad, []);
});

test("links between documents lead to files that exist", () => {
  const bad = documents().flatMap(({ path, text }) =>
    [...text.matchAll(/\]\(([^)#\s]+)(#[^)]*)?\)/g)]
      .map((match) => match[1]!)
      .filter((link) => !/^[a-z]+:/.test(link))
      .filter((link) => !existsSync(join(ROOT, dirname(path), link)))
      .map((link) => `${path}: ${link}`),
  );
  assert.deepEqual(bad, []);
});

test("blocks are found with their line and language, indented ones too", () => {
  const text = "a\n```sh\nls\n\n pwd\n```\n- b\n  ```text\n  c\n  ```\n";
  assert.deepEqual(blocksOf(text), [
    { line: 2, language: "sh", text: "ls\n\n pwd" },
    { line: 8, language: "text", text: "c" },
  ]);
});
