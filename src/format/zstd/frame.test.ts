import assert from "node:assert/strict";
import { test } from "node:test";
import { constants, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { HoldfastError } from "../../errors.ts";
import { random } from "../../../test/support/random.ts";
import { concatBytes } from "../bytes.ts";
import { FrameCutter } from "./frame.ts";

const SKIPPED = Buffer.from("502a4d1803000000aabbcc", "hex");
const EMPTY_SKIPPED = Buffer.from("5f2a4d1800000000", "hex");

function frames(): Uint8Array[] {
  const noise = random(1).bytes(300_000);
  const checksum = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };
  const plains = [new Uint8Array(0), noise.subarray(0, 5), noise, new Uint8Array(1_000_000)];
  return plains.flatMap((plain) => [
    zstdCompressSync(plain),
    zstdCompressSync(plain, { ...checksum, pledgedSrcSize: plain.length }),
  ]);
}

/** Sizes of the frames, and NaN for one that is not whole. */
function sizes(stream: Uint8Array, pieceBytes: number): number[] {
  const cutter = new FrameCutter();
  const found: number[] = [];
  let size = 0;
  for (let start = 0; start < stream.length; start += pieceBytes) {
    const piece = stream.subarray(start, start + pieceBytes);
    for (let at = 0; at < piece.length;) {
      const end = cutter.cut(piece, at);
      size += end - at;
      at = end;
      if (!cutter.betweenFrames) continue;
      found.push(size);
      size = 0;
    }
  }
  assert.equal(cutter.seen, stream.length);
  assert.equal(cutter.betweenFrames, size === 0);
  return size === 0 ? found : [...found, NaN];
}

test("frames of real zstd are cut where they end, in pieces of any size", () => {
  const parts = [SKIPPED, ...frames(), EMPTY_SKIPPED, ...frames(), SKIPPED];
  const wanted = parts.map(({ length }) => length);
  const stream = concatBytes(parts);
  for (const pieceBytes of [stream.length, 1, 2, 3, 7, 4096, 131_072])
    assert.deepEqual(sizes(stream, pieceBytes), wanted, `pieces of ${pieceBytes}`);
});

test("a stream that stops inside a frame is not between frames", () => {
  for (const frame of [SKIPPED, EMPTY_SKIPPED, ...frames()]) {
    const middle = [1, 3, 4, 5, 7, frame.length >> 1, frame.length - 1];
    for (const length of middle.filter((one) => one > 0 && one < frame.length))
      assert.deepEqual(sizes(frame.subarray(0, length), 64), [NaN], `${length} of ${frame.length}`);
  }
});

const HOSTILE: readonly (readonly [name: string, hex: string, message: RegExp])[] = [
  ["no frame at all", "00000000", /at 0: no zstd frame/],
  ["what follows a frame is none", "28b52ffd2000010000deadbeef", /at 9: no zstd frame/],
  ["a reserved bit of the descriptor", "28b52ffd2800010000", /at 4: a reserved bit/],
  ["a block of the reserved type", "28b52ffd2000070000", /at 6: a block of type 3/],
  ["a block above 128 KiB", "28b52ffd2000090010", /at 6: a block of type 0 and 131073 bytes/],
  ["a window of 2 TiB", "28b52ffd00f8", /a window of 2199023255552 bytes/],
  ["a single segment of 2^64 - 1 bytes", "28b52ffde0ffffffffffffffff", /a window of 1844674407/],
];

for (const [name, hex, message] of HOSTILE) {
  test(`refused: ${name}`, () => {
    const refused = (error: unknown): boolean =>
      error instanceof HoldfastError &&
      error.code === "packed-damaged" &&
      message.test(error.message);
    assert.throws(() => sizes(Buffer.from(hex, "hex"), 64), refused);
    assert.throws(() => sizes(Buffer.from(hex, "hex"), 1), refused);
  });
}

test("hostile bytes end in a value or an error of ours", () => {
  const noise = fc.uint8Array({ maxLength: 60 });
  const magic = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd);
  fc.assert(
    fc.property(noise, fc.boolean(), fc.integer({ min: 1, max: 70 }), (bytes, framed, piece) => {
      try {
        sizes(framed ? concatBytes([magic, bytes]) : bytes, piece);
      } catch (error) {
        assert.ok(error instanceof HoldfastError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});
