import assert from "node:assert/strict";
import { test } from "node:test";
import { zstdCompressSync } from "node:zlib";
import { HoldfastError } from "../errors.ts";
import { collect, inPieces, ranges } from "../../test/support/pieces.ts";
import { random } from "../../test/support/random.ts";
import { openPacked } from "./packed.ts";
import { pack } from "./pack.ts";
import { unpack } from "./unpack.ts";

const MIB = 1 << 20;
const signal = new AbortController().signal;

/** Half noise, half text: compressible, and no two places alike. */
function sample(bytes: number, seed = 1): Buffer {
  const noise = random(seed).bytes(Math.ceil(bytes / 16));
  const line = (at: number): string =>
    `${Buffer.from(noise.subarray(at, at + 4)).toString("hex")}\n`;
  let text = "";
  for (let at = 0; text.length < bytes; at += 4) text += line(at) + line(at ^ 64);
  return Buffer.from(text.slice(0, bytes));
}

const packed = (plain: Uint8Array, pieceBytes?: number): Promise<Buffer> =>
  collect(pack(inPieces(plain, pieceBytes), { signal }));
const unpacked = (bytes: Uint8Array, pieceBytes?: number, limit?: number): Promise<Buffer> =>
  collect(
    unpack(inPieces(bytes, pieceBytes), { signal, ...(limit === undefined ? {} : { limit }) }),
  );

function damaged(message: RegExp): (error: unknown) => boolean {
  return (error) =>
    error instanceof HoldfastError &&
    error.code === "packed-damaged" &&
    (assert.match(error.message, message), true);
}

const LARGE = sample(19 * MIB + 5);

for (const size of [
  0,
  1,
  65_535,
  65_536,
  65_537,
  8 * MIB - 1,
  8 * MIB,
  8 * MIB + 1,
  LARGE.length,
]) {
  test(`${size} bytes come back, streamed and at random`, async () => {
    const plain = LARGE.subarray(0, size);
    const bytes = await packed(plain, 100_003);
    for (const pieceBytes of [bytes.length, 65_537]) {
      const back = await unpacked(bytes, pieceBytes, size);
      assert.ok(back.equals(plain), `pieces of ${pieceBytes}`);
    }
    const { readAt, size: plainSize } = await openPacked(ranges(bytes).readAt, bytes.length);
    assert.equal(plainSize, size);
    const dice = random(size);
    for (let round = 0; round < 20; round++) {
      const offset = dice.between(0, size);
      const length = dice.pick([0, 1, 100, 65_536, 9 * MIB]);
      const part = Buffer.from(await readAt(offset, length));
      assert.ok(part.equals(plain.subarray(offset, offset + length)), `${length} at ${offset}`);
    }
    assert.equal((await readAt(size, 10)).length, 0);
    assert.equal((await readAt(size + 5, 10)).length, 0);
  });
}

test("what comes again anywhere in a frame costs next to nothing", async () => {
  const half = random(4).bytes(4 * MIB);
  const bytes = await packed(Buffer.concat([half, half]));
  assert.ok(bytes.length < 4 * MIB + 100_000, `${bytes.length}`);
});

test("byte by byte in, byte by byte out", async () => {
  const plain = sample(5000);
  const bytes = await packed(plain, 1);
  assert.ok((await unpacked(bytes, 1)).equals(plain));
});

test("foreign streams: several frames in one piece, frames to pass over, no seek table", async () => {
  const [a, b] = [sample(30_000, 2), sample(5, 3)];
  const skipped = Buffer.from("502a4d1803000000aabbcc", "hex");
  const frames = [skipped, zstdCompressSync(a), zstdCompressSync(b), skipped, zstdCompressSync(a)];
  for (const pieceBytes of [7, 1000, 10 * MIB]) {
    const back = await unpacked(Buffer.concat(frames), pieceBytes);
    assert.ok(back.equals(Buffer.concat([a, b, a])), `pieces of ${pieceBytes}`);
  }
  assert.equal((await unpacked(skipped)).length, 0);
});

test("a small stream: every truncation is found but the one at a frame's end", async () => {
  const plain = sample(3000);
  const bytes = await packed(plain);
  const frame = bytes.length - (8 + 8 + 9);
  for (let length = 0; length < bytes.length; length++) {
    const cut = bytes.subarray(0, length);
    if (length === frame) assert.ok((await unpacked(cut)).equals(plain));
    else await assert.rejects(unpacked(cut), damaged(/end inside a frame, after \d+ bytes/));
    await assert.rejects(openPacked(ranges(cut).readAt, length), { code: "no-random-access" });
  }
});

test("a small stream: every flipped bit of its frame is found, and none changes the bytes", async () => {
  const plain = sample(700);
  const bytes = await packed(plain);
  const frame = bytes.length - (8 + 8 + 9);
  let found = 0;
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    const streamed = await unpacked(flipped, undefined, plain.length).catch(
      (error: unknown) => error,
    );
    if (streamed instanceof Error) assert.ok(damaged(/./)(streamed), String(streamed));
    else assert.ok((streamed as Buffer).equals(plain), `bit ${bit}`);
    if (bit >> 3 < frame && streamed instanceof Error) found++;
    const atRandom = await readWhole(flipped).catch((error: unknown) => error);
    if (atRandom instanceof Error) assert.ok(atRandom instanceof HoldfastError, String(atRandom));
    else
      assert.ok(
        bit >> 3 >= frame || (atRandom as Uint8Array).length === plain.length,
        `bit ${bit}`,
      );
  }
  assert.ok(found > frame * 8 * 0.98, `${found} of ${frame * 8}`);
});

async function readWhole(bytes: Uint8Array): Promise<Uint8Array> {
  const { readAt, size } = await openPacked(ranges(bytes).readAt, bytes.length);
  return readAt(0, size);
}

test("a bomb ends at the limit, and not much beyond it in memory", async () => {
  const bomb = zstdCompressSync(new Uint8Array(64 * MIB));
  assert.ok(bomb.length < 10_000);
  let seen = 0;
  await assert.rejects(
    async () => {
      for await (const piece of unpack(inPieces(bomb), { signal, limit: 3 * MIB }))
        seen += piece.length;
    },
    damaged(/more than 3145728 bytes/),
  );
  assert.ok(seen <= 3 * MIB);
});

test("a seek table that promises other sizes than its frames have is found", async () => {
  const bytes = await packed(sample(1000));
  const plainSizeAt = bytes.length - 9 - 4;
  for (const [promised, message] of [
    [999, /damaged 0 bytes into/],
    [1001, /1000 plain bytes, wanted 1001/],
  ] as const) {
    const lie = Buffer.from(bytes);
    lie.writeUInt32LE(promised, plainSizeAt);
    await assert.rejects(readWhole(lie), damaged(message));
  }
  const gigantic = Buffer.from(bytes);
  gigantic.writeUInt32LE(0x7fffffff, plainSizeAt);
  await assert.rejects(readWhole(gigantic), { code: "no-random-access" });
});

test("a seek table whose entry holds two frames is found", async () => {
  const frame = zstdCompressSync(sample(10));
  const table = (await packed(sample(10))).subarray(-25);
  table.writeUInt32LE(2 * frame.length, 8);
  const bytes = Buffer.concat([frame, frame, table]);
  await assert.rejects(readWhole(bytes), damaged(/it ends after \d+ bytes, wanted/));
});

test("packed bytes that end earlier than they said are found", async () => {
  const bytes = await packed(sample(1000));
  const { readAt } = ranges(bytes);
  await assert.rejects(
    openPacked(readAt, bytes.length + 1),
    damaged(/the compressed bytes end at \d+, wanted 9 bytes/),
  );
});

test("frames are kept, and asked for once while they are on their way", async () => {
  const bytes = await packed(LARGE);
  let reads = 0;
  const { readAt } = await openPacked((offset, length) => {
    reads++;
    return ranges(bytes).readAt(offset, length);
  }, bytes.length);
  reads = 0;
  await Promise.all([readAt(0, 10), readAt(1000, 10), readAt(2 * MIB, 10)]);
  await readAt(3 * MIB, 10);
  assert.equal(reads, 1);
});

test("a read that failed is tried again the next time", async () => {
  const bytes = await packed(sample(1000));
  let broken = false;
  const { readAt } = await openPacked(async (offset, length) => {
    if (broken) throw new Error("broken");
    return ranges(bytes).readAt(offset, length);
  }, bytes.length);
  broken = true;
  await assert.rejects(readAt(0, 10), /^Error: broken$/);
  broken = false;
  assert.equal((await readAt(0, 10)).length, 10);
});

for (const [name, stage] of [
  ["pack", pack],
  ["unpack", unpack],
] as const) {
  test(`${name}() ends at once when it is aborted, with the reason, also where nothing comes`, async () => {
    const controller = new AbortController();
    const nothing = {
      [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }),
    };
    const ended = collect(stage(nothing, { signal: controller.signal }));
    controller.abort(new Error("enough"));
    await assert.rejects(ended, /^Error: enough$/);
  });

  test(`${name}() passes on what its input throws, as it is`, async () => {
    const failure = Object.assign(new Error("broken"), { code: "ECONNRESET" });
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield zstdCompressSync("a");
      throw failure;
    }
    await assert.rejects(collect(stage(broken(), { signal })), (error) => error === failure);
  });

  test(`${name}() lets its input go when nobody wants more`, async () => {
    let closed = false;
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        const frame = zstdCompressSync(sample(MIB));
        for (;;) yield frame;
      } finally {
        closed = true;
      }
    }
    for await (const _piece of stage(endless(), { signal })) break;
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(closed, true);
  });
}
