import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { formatOutput } from "./output.ts";

const DOCUMENT = {
  revision: 2n ** 63n - 1n,
  keys: ["/registry/a: b"],
  trailer: "verified",
  none: [],
};

test("json and yaml hold the same document, int64 exactly", async () => {
  const json = await formatOutput("json", DOCUMENT, String);
  const yaml = await formatOutput("yaml", DOCUMENT, String);
  assert.match(json, /"revision": 9223372036854775807,/);
  assert.ok(json.endsWith("}\n"));
  assert.match(yaml, /^revision: 9223372036854775807\n/);
  assert.deepEqual(parse(yaml, { intAsBigInt: true }), DOCUMENT);
});

test("text is what the command says, with a newline", async () => {
  assert.equal(await formatOutput("text", DOCUMENT, () => "two\nlines"), "two\nlines\n");
});
