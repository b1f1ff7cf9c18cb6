import assert from "node:assert/strict";
import { test } from "node:test";
import { wholeRange } from "./ranged.ts";

const { signal } = new AbortController();

/** What a service answers to 10 bytes from 5 on, as it says itself, in pieces of 4. */
async function answered(contentRange: string | undefined, bytes: number): Promise<number> {
  async function* pieces() {
    for (let at = 0; at < bytes; at += 4) yield new Uint8Array(Math.min(4, bytes - at));
  }
  const asked = { key: "k", offset: 5, length: 10, signal, contentLength: undefined, contentRange };
  let came = 0;
  for await (const piece of wholeRange(asked, pieces())) came += piece.length;
  return came;
}

test("a part of an object is what was asked for, no less and no more, or may be asked for again", async () => {
  assert.equal(await answered("bytes 5-14/100", 10), 10);
  assert.equal(await answered("bytes 5-8/9", 4), 4);
  const wrong = { code: "store-wrong-answer", isTransient: true };
  await assert.rejects(answered("bytes 5-14/100", 9), {
    ...wrong,
    message: /broke off after 9 of 10/,
  });
  await assert.rejects(answered("bytes 5-14/100", 11), { ...wrong, message: /more than 10 bytes/ });
  await assert.rejects(answered("bytes 0-9/100", 10), wrong);
  await assert.rejects(answered("bytes 5-8/100", 4), wrong);
  await assert.rejects(answered(undefined, 10), { code: "store-unsupported" });
});
