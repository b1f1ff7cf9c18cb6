import assert from "node:assert/strict";
import { test } from "node:test";
import { toJson } from "./json.ts";

test("toJson() writes int64 exactly, and errors as their message", () => {
  assert.equal(
    toJson({
      revision: 9223372036854775807n,
      list: [-1n],
      cause: new Error("gone"),
      none: undefined,
    }),
    '{"revision":9223372036854775807,"list":[-1],"cause":"gone"}',
  );
  assert.equal(toJson({ a: 1n }, 2), '{\n  "a": 1\n}');
});
