import assert from "node:assert/strict";
import { test } from "node:test";
import { lookUpHost } from "./host-lookup.ts";

test("lookUpHost() gives an address in one spelling, whichever it was given in", async () => {
  const { signal } = new AbortController();
  for (const [host, address] of [
    ["0:0:0:0:0:0:0:1", "::1"],
    ["2001:DB8:0::0001", "2001:db8::1"],
    ["fe80::1%lo", "fe80::1%lo"],
    ["10.0.0.1", "10.0.0.1"],
  ] as const)
    assert.equal(await lookUpHost(host, signal), address);
});

test("lookUpHost() ends when it is told to", async () => {
  const signal = AbortSignal.abort(new Error("enough"));
  await assert.rejects(lookUpHost("localhost", signal), /enough/);
});
