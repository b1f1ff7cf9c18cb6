import assert from "node:assert/strict";
import { test } from "node:test";
import { holdfast } from "./support/holdfast.ts";

test("a URL that cannot be used is told with what to write instead, and without its secret", async () => {
  const { status, stdout, stderr } = await holdfast(["store", "check", "s3://me:hunter2@bucket/x"]);
  assert.equal(status, 20);
  assert.match(stderr, /a password does not belong into the URL/);
  assert.match(stderr, /AWS_SECRET_ACCESS_KEY/);
  assert.doesNotMatch(stdout + stderr, /hunter2/);
});

test("a folder that cannot be made at all is no mount that went away", async () => {
  const { status, stderr } = await holdfast(["store", "check", "/proc/holdfast"]);
  assert.equal(status, 30);
  assert.match(stderr, /cannot make the folder "\/proc\/holdfast"\nHint: check the path/);
});

test("an unknown parameter names the nearest", async () => {
  const { status, stderr } = await holdfast(["store", "check", "s3://bucket?pathstyle=true"]);
  assert.equal(status, 20);
  assert.match(stderr, /did you mean pathStyle\?/);
});
