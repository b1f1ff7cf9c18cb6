import assert from "node:assert/strict";
import { test } from "node:test";
import { CHUNK_BYTES, chunkNonce, chunksOf, SEALED_CHUNK_BYTES, TAG_BYTES } from "./stream.ts";

test("chunks of every size near a border", () => {
  for (const plainSize of [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES]) {
    const count = Math.max(1, Math.ceil(plainSize / CHUNK_BYTES));
    assert.deepEqual(chunksOf(plainSize + count * TAG_BYTES), { count, plainSize });
  }
});

test("sizes that no payload has", () => {
  const impossible = [0, 1, TAG_BYTES - 1, SEALED_CHUNK_BYTES + 1, SEALED_CHUNK_BYTES + TAG_BYTES];
  for (const size of impossible) assert.equal(chunksOf(size), undefined, `${size}`);
});

test("nonces count up big endian before the mark of the last chunk", () => {
  const hex = (index: number, last: boolean): string =>
    Buffer.from(chunkNonce(index, last)).toString("hex");
  assert.equal(hex(0, false), "000000000000000000000000");
  assert.equal(hex(0, true), "000000000000000000000001");
  assert.equal(hex(258, false), "000000000000000000010200");
  assert.equal(hex(2 ** 40 + 1, true), "000000000001000000000101");
});
