import assert from "node:assert/strict";
import { open } from "node:fs/promises";
import { test } from "node:test";
import { HoldfastError } from "../errors.ts";
import { Interruption } from "./context.ts";
import { failureOf } from "./failure.ts";

test("errors of ours keep their code, status, message and hint", () => {
  const error = new HoldfastError("snapshot-damaged", "page 3 is bad", { hint: "take another" });
  assert.deepEqual(failureOf(error, "holdfast"), {
    exitStatus: 10,
    code: "snapshot-damaged",
    message: "page 3 is bad",
    hint: "take another",
  });
});

test("errors of the operating system become sentences", async () => {
  const error = await open("/no/such").catch((cause: unknown) => cause);
  const failure = failureOf(error, "holdfast");
  assert.equal(failure.message, 'cannot open "/no/such": no such file or directory');
  assert.deepEqual([failure.exitStatus, failure.hint], [1, undefined]);
});

test("what nobody foresaw keeps its message, and how to learn more", () => {
  const failure = failureOf(new TypeError("x is not a function"), "holdfast");
  assert.deepEqual([failure.exitStatus, failure.message], [1, "x is not a function"]);
  assert.match(failure.hint ?? "", /--debug/);
  assert.equal(failureOf("a string", "holdfast").message, "a string");
});

test("an interruption has the signal's status; one by SIGPIPE has nothing to say", () => {
  const interrupted = failureOf(new Interruption("SIGINT", 2), "holdfast");
  assert.deepEqual([interrupted.exitStatus, interrupted.message], [130, "interrupted by SIGINT"]);
  const pipe = failureOf(new Interruption("SIGPIPE", 13), "holdfast");
  assert.deepEqual([pipe.exitStatus, pipe.message], [141, undefined]);
});
