import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBase64, fromBase64Unpadded, toBase64, toBase64Unpadded } from "./base64.ts";

test("base64 agrees with Node's for every length and comes back", () => {
  for (let length = 0; length < 70; length++) {
    const bytes = Uint8Array.from({ length }, (_, at) => (at * 37 + length * 11) & 0xff);
    const text = Buffer.from(bytes).toString("base64");
    assert.equal(toBase64(bytes), text);
    assert.deepEqual(fromBase64(text), bytes);
    assert.equal(toBase64Unpadded(bytes), text.replaceAll("=", ""));
    assert.deepEqual(fromBase64Unpadded(toBase64Unpadded(bytes)), bytes);
  }
});

test("any other spelling of the same bytes is refused", () => {
  for (const text of [
    "QQ",
    "QQ=",
    "QR==",
    "Q Q==",
    "QQ==\n",
    " QQ==",
    "Q",
    "QQ==QQ==",
    "QQ-_",
    "é",
  ])
    assert.equal(fromBase64(text), undefined, JSON.stringify(text));
  for (const text of ["QQ==", "QR", "Q", "QQ=", "QQ\n"])
    assert.equal(fromBase64Unpadded(text), undefined, JSON.stringify(text));
});
