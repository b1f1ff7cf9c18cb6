/** What we pack, zstd unpacks; what zstd packs, we unpack. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { zstdCompressSync } from "node:zlib";
import { openPacked } from "../src/pack/packed.ts";
import { pack } from "../src/pack/pack.ts";
import { unpack } from "../src/pack/unpack.ts";
import { collect, inPieces, ranges } from "./support/pieces.ts";
import { random } from "./support/random.ts";
import { scratch } from "./support/scratch.ts";
import { stock, stockOutput } from "./support/stock.ts";
import { writeFile } from "node:fs/promises";

const MIB = 1 << 20;
const signal = new AbortController().signal;
const NOISE = random(7).bytes(65_536);

/** Noise that comes again and again: it compresses, and no frame is like the next. */
function sample(size: number): Buffer {
  const plain = Buffer.alloc(size);
  for (let at = 0; at < size; at += 40_000) {
    plain.set(NOISE.subarray(at % 20_011, (at % 20_011) + Math.min(40_000, size - at)), at);
    plain.writeUIntLE(at, at, Math.min(6, size - at));
  }
  return plain;
}

const SIZES = [0, 1, 65_535, 65_536, 65_537, 4 * MIB, 4 * MIB + 1, 9 * MIB + 3];

for (const size of SIZES) {
  test(`zstd unpacks what we pack: ${size} bytes`, async () => {
    const plain = sample(size);
    const packed = await collect(pack(inPieces(plain), { signal }));
    assert.ok((await stockOutput("zstd", ["-d", "-c"], { input: packed })).equals(plain));
    const tested = await stock("zstd", ["-t"], { input: packed });
    assert.equal(tested.status, 0, tested.stderr);
  });
}

test("zstd sees frames with sizes and checksums, and one to pass over", async () => {
  await using folder = await scratch();
  const packed = await collect(pack(inPieces(sample(9 * MIB)), { signal }));
  await writeFile(folder.file("a.zst"), packed);
  const listed = `${await stockOutput("zstd", ["-l", "-v", folder.file("a.zst")])}`;
  assert.match(listed, /# Zstandard Frames: 2\n/);
  assert.match(listed, /# Skippable Frames: 1\n/);
  assert.match(listed, /Decompressed Size: 9.00 MiB \(9437184 B\)/);
  assert.match(listed, /Check: XXH64/);
});

const FOREIGN: readonly (readonly [
  name: string,
  tool: "zstd" | "pzstd",
  args: readonly string[],
])[] = [
  ["level 1", "zstd", ["-1", "-c"]],
  ["level 19 on two threads", "zstd", ["-19", "-T2", "-c"]],
  ["a long window", "zstd", ["--long=27", "-c"]],
  ["no checksum", "zstd", ["--no-check", "-c"]],
  ["pzstd's frames, with ones to pass over", "pzstd", ["-p", "2", "-c"]],
];

for (const [name, tool, args] of FOREIGN) {
  test(`we unpack what ${tool} packs: ${name}`, async () => {
    for (const size of [0, 1, 5 * MIB + 1]) {
      const plain = sample(size);
      const packed = await stockOutput(tool, args, { input: plain });
      for (const pieceBytes of [packed.length, 4099]) {
        const unpacked = await collect(unpack(inPieces(packed, pieceBytes), { signal }));
        assert.ok(unpacked.equals(plain), `${size} bytes`);
      }
      await assert.rejects(openPacked(ranges(packed).readAt, packed.length), {
        code: "no-random-access",
      });
    }
  });
}

test("we refuse what zstd refuses: garbage behind a frame, a window that is too long", async () => {
  const plain = sample(1000);
  const long = await stockOutput("zstd", ["--ultra", "-20", "--long=31", "-c"], {
    input: sample(MIB),
  });
  const frame = zstdCompressSync(plain);
  for (const bytes of [long, Buffer.concat([frame, Buffer.from("garbage")]), Buffer.alloc(0)]) {
    assert.notEqual((await stock("zstd", ["-t"], { input: bytes })).status, 0);
    await assert.rejects(collect(unpack(inPieces(bytes), { signal })), { code: "packed-damaged" });
  }
});
