import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HoldfastError } from "../errors.ts";
import { concatBytes, textBytes } from "../format/bytes.ts";
import { bytesField, varintField } from "../format/protobuf.ts";
import { SnapshotDecoder } from "./snapshot-decoder.ts";

/** A gRPC message: not compressed, its length, its bytes. */
function framed(...fields: Uint8Array[]): Uint8Array {
  const message = concatBytes(fields);
  const prefix = new Uint8Array(5);
  new DataView(prefix.buffer).setUint32(1, message.length);
  return concatBytes([prefix, message]);
}

interface Decoded {
  readonly data: Uint8Array;
  readonly version: string;
}

/** Decodes a body that arrives in pieces, into targets of one size, one after the other. */
function decode(pieces: readonly Uint8Array[], targetSize: number): Decoded {
  const decoder = new SnapshotDecoder();
  const parts: Uint8Array[] = [];
  const empty = (): void => {
    parts.push(target.slice(0, decoder.filled));
    decoder.into(target);
  };
  const target = new Uint8Array(targetSize);
  decoder.into(target);
  for (const piece of pieces)
    for (let at = 0; at < piece.length; empty())
      at += decoder.take(Buffer.from(piece).subarray(at));
  empty();
  decoder.end();
  return { data: concatBytes(parts), version: decoder.version };
}

test("SnapshotDecoder reads what etcd sends, wherever it is cut, into targets of any size", () => {
  const blob = fc.uint8Array({ maxLength: 300 });
  fc.assert(
    fc.property(
      fc.array(blob, { maxLength: 6 }),
      fc.constantFrom("", "3.6.0"),
      fc.array(fc.nat(60), { minLength: 1 }),
      fc.integer({ min: 1, max: 200 }),
      (blobs, version, cuts, targetSize) => {
        const body = concatBytes(
          blobs.map((bytes, i) => {
            const last = version === "" ? [] : [bytesField(4, textBytes(version))];
            return framed(varintField(2, (blobs.length - i) * 1e9), bytesField(3, bytes), ...last);
          }),
        );
        const pieces: Uint8Array[] = [];
        for (let at = 0, i = 0; at < body.length; i++)
          pieces.push(body.subarray(at, (at += 1 + cuts[i % cuts.length]!)));
        const found = decode(pieces, targetSize);
        assert.deepEqual(found.data, concatBytes(blobs));
        assert.equal(found.version, blobs.length === 0 ? "" : version);
      },
    ),
  );
});

test("SnapshotDecoder stops at the first blob, and knows then what is to come", () => {
  const decoder = new SnapshotDecoder();
  const body = framed(varintField(2, 98_304), bytesField(3, new Uint8Array(32_768)));
  const read = decoder.take(Buffer.from(body));
  assert.equal(read, body.length - 32_768);
  assert.deepEqual([decoder.blobLeft, decoder.remainingBytes], [32_768, 98_304]);
});

test("SnapshotDecoder takes a missing field for zero, and skips what it does not know", () => {
  const body = concatBytes([
    framed(),
    framed(
      bytesField(1, varintField(1, 7)),
      Uint8Array.of((9 << 3) | 5, 1, 2, 3, 4),
      Uint8Array.of((10 << 3) | 1, 1, 2, 3, 4, 5, 6, 7, 8),
      varintField(1000, 2n ** 64n - 1n),
      bytesField(3, Uint8Array.of(9)),
      bytesField(11, new Uint8Array(0)),
    ),
    framed(bytesField(3, Uint8Array.of(8))),
  ]);
  assert.deepEqual(decode([body], 100), { data: Uint8Array.of(9, 8), version: "" });
});

const HOSTILE = [
  ["a compressed message", Uint8Array.of(1, 0, 0, 0, 0), /is compressed at byte 0/],
  ["a tag without an end", framed(Uint8Array.of(0xff)), /a number does not end/],
  [
    "a number of eleven bytes",
    framed(Uint8Array.of(0x10, ...Array<number>(10).fill(0xff), 1)),
    /a number does not end/,
  ],
  ["a field without a value", framed(Uint8Array.of(0x10)), /a field has no value/],
  ["a blob longer than its message", framed(Uint8Array.of(0x1a, 5, 1)), /5 bytes has only 1/],
  [
    "a blob of 2^63 bytes",
    framed(Uint8Array.of(0x1a, ...Array<number>(9).fill(0x80), 1)),
    /a field of \d+ bytes|does not end/,
  ],
  ["a cut fixed field", framed(Uint8Array.of((9 << 3) | 5, 1)), /4 bytes has only 1/],
  ["a group", framed(Uint8Array.of((1 << 3) | 3)), /has the tag 11/],
  ["field number 0", framed(Uint8Array.of(2, 0)), /has the tag 2/],
  ["an end inside the prefix", Uint8Array.of(0, 0), /ends inside a message/],
  ["an end inside a blob", framed(bytesField(3, new Uint8Array(9))).subarray(0, 9), /ends inside/],
] as const;

for (const [what, body, words] of HOSTILE) {
  test(`SnapshotDecoder refuses ${what}`, () => {
    assert.throws(
      () => decode([body], 100),
      (error) =>
        error instanceof HoldfastError &&
        error.code === "malformed-message" &&
        words.test(error.message),
    );
  });
}

test("SnapshotDecoder keeps no more of a version than anybody needs", () => {
  const { version } = decode([framed(bytesField(4, new Uint8Array(1e6).fill(51)))], 1);
  assert.equal(version, "3".repeat(64));
});

test("SnapshotDecoder ends in data or in an error of ours, whatever the bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        const message = framed(bytes);
        assert.ok(decode([message], 7).data.length <= bytes.length);
      } catch (error) {
        assert.ok(error instanceof HoldfastError && error.code === "malformed-message");
      }
    }),
  );
});
