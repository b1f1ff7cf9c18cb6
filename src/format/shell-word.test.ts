import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { shellWord } from "./shell-word.ts";

test("a shell reads the word as it was", () => {
  for (const text of ["/var/lib/etcd", "", "a b", "it's", "s3://b/p?a=1&b=$HOME", "a\nb", '"`\\*~'])
    assert.equal(execFileSync("/bin/sh", ["-c", `printf %s ${shellWord(text)}`]).toString(), text);
});

test("what needs no quotes has none", () => {
  assert.equal(shellWord("--a=https://host:1/path_x-y.z"), "--a=https://host:1/path_x-y.z");
});
