import assert from "node:assert/strict";
import { test } from "node:test";
import { count } from "./count.ts";

test("one is one, and thousands stand apart", () => {
  const texts = [0, 1, 2, 1234567].map((number) => count(number, "key"));
  assert.deepEqual(texts, ["0 keys", "1 key", "2 keys", "1,234,567 keys"]);
});
