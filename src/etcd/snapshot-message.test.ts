import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HoldfastError } from "../errors.ts";
import { bytesText, concatBytes, textBytes } from "../format/bytes.ts";
import { bytesField, varintField } from "../format/protobuf.ts";
import { decodeSnapshotMessage } from "./snapshot-message.ts";

test("decodeSnapshotMessage() reads what etcd 3.6 sends", () => {
  const bytes = concatBytes([
    varintField(2, 98304),
    bytesField(3, Uint8Array.of(1, 2, 3)),
    bytesField(4, textBytes("3.6.0")),
  ]);
  const { remainingBytes, blob, version } = decodeSnapshotMessage(bytes);
  assert.equal(remainingBytes, 98304);
  assert.deepEqual(blob, Uint8Array.of(1, 2, 3));
  assert.equal(bytesText(version), "3.6.0");
  assert.equal(blob.buffer, bytes.buffer, "the blob is a view");
});

test("decodeSnapshotMessage() takes missing fields for zero, in any order, and skips others", () => {
  assert.deepEqual(decodeSnapshotMessage(new Uint8Array(0)), {
    remainingBytes: 0,
    blob: new Uint8Array(0),
    version: new Uint8Array(0),
  });
  const bytes = concatBytes([
    bytesField(1, varintField(1, 7)),
    Uint8Array.of((9 << 3) | 5, 1, 2, 3, 4),
    Uint8Array.of((10 << 3) | 1, 1, 2, 3, 4, 5, 6, 7, 8),
    varintField(1000, 2n ** 64n - 1n),
    bytesField(3, Uint8Array.of(9)),
    varintField(2, 2 ** 40),
  ]);
  const { remainingBytes, blob } = decodeSnapshotMessage(bytes);
  assert.equal(remainingBytes, 2 ** 40);
  assert.deepEqual(blob, Uint8Array.of(9));
});

const HOSTILE = [
  ["a tag without an end", [0xff]],
  ["a number of eleven bytes", [0x10, ...Array<number>(10).fill(0xff), 0x01]],
  ["a blob longer than the message", [0x1a, 5, 1]],
  ["a blob of 2^63 bytes", [0x1a, ...Array<number>(9).fill(0x80), 0x01]],
  ["a cut fixed field", [(9 << 3) | 5, 1]],
  ["a group", [(1 << 3) | 3]],
] as const;

for (const [what, bytes] of HOSTILE) {
  test(`decodeSnapshotMessage() refuses ${what}`, () => {
    assert.throws(
      () => decodeSnapshotMessage(Uint8Array.from(bytes)),
      (error) => error instanceof HoldfastError && error.code === "malformed-message",
    );
  });
}

test("decodeSnapshotMessage() ends in a message or in an error of ours, whatever the bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      try {
        const { blob, version } = decodeSnapshotMessage(bytes);
        assert.ok(blob.length + version.length <= bytes.length);
      } catch (error) {
        assert.ok(error instanceof HoldfastError && error.code === "malformed-message");
      }
    }),
  );
});
