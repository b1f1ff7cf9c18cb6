import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HoldfastError } from "../../errors.ts";
import {
  decodeFooter,
  decodeSeekTable,
  encodeSeekTable,
  FOOTER_BYTES,
  frameAt,
  type FrameSize,
  type SeekTable,
} from "./seek-table.ts";

/** A file that holds nothing but `packed` bytes of frames and the table. */
function read(table: Uint8Array, packed: number): SeekTable | undefined {
  const size = packed + table.length;
  const footer = decodeFooter(table.subarray(Math.max(0, table.length - FOOTER_BYTES)), size);
  return footer && decodeSeekTable(table.subarray(table.length - footer.tableBytes), footer, size);
}

const frameSizes = fc.array(
  fc.record({ packed: fc.integer({ min: 0, max: 2 ** 32 - 1 }), plain: fc.nat(2 ** 31 - 1) }),
  { maxLength: 50 },
);

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

test("a table comes back as it was written, and every byte finds its frame", () => {
  fc.assert(
    fc.property(frameSizes, fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), check),
  );
  function check(frames: readonly FrameSize[], share: number): void {
    const table = read(encodeSeekTable(frames), sum(frames.map(({ packed }) => packed)))!;
    const starts = (of: keyof FrameSize): number[] => [
      ...frames.map((_, at) => sum(frames.slice(0, at).map((frame) => frame[of]))),
      sum(frames.map((frame) => frame[of])),
    ];
    assert.deepEqual([...table.packedStarts], starts("packed"));
    assert.deepEqual([...table.plainStarts], starts("plain"));
    const offset = Math.floor(share * table.plainStarts.at(-1)!);
    if (offset === table.plainStarts.at(-1)) return;
    const frame = frameAt(table, offset);
    assert.ok(table.plainStarts[frame]! <= offset && offset < table.plainStarts[frame + 1]!);
  }
});

test("the bytes are those of the format", () => {
  const bytes = encodeSeekTable([{ packed: 0x01020304, plain: 0x0a0b0c0d }]);
  const wanted = "5e2a4d1811000000040302010d0c0b0a0100000000b1ea928f";
  assert.equal(Buffer.from(bytes).toString("hex"), wanted);
});

test("a table with checksums is read", () => {
  const bytes = Buffer.from(
    "5e2a4d181500000004000000070000001234567801000000 80b1ea928f".replace(" ", ""),
    "hex",
  );
  assert.deepEqual(read(bytes, 4), {
    frames: 1,
    packedStarts: Float64Array.of(0, 4),
    plainStarts: Float64Array.of(0, 7),
  });
});

test("what does not end with the magic number has no table", () => {
  for (const bytes of ["", "00", "000000000000000000", "0100000000b1ea9280"])
    assert.equal(decodeFooter(Buffer.from(bytes, "hex"), 100), undefined);
});

const GOOD = encodeSeekTable([
  { packed: 10, plain: 100 },
  { packed: 20, plain: 200 },
]);

function altered(at: number, value: number): Uint8Array {
  const bytes = Uint8Array.from(GOOD);
  bytes[at < 0 ? bytes.length + at : at] = value;
  return bytes;
}

const HOSTILE: readonly (readonly [name: string, table: Uint8Array, message: RegExp])[] = [
  ["reserved bits", altered(-5, 0x04), /reserved bits/],
  ["more frames than fit", altered(-9, 200), /200 frames do not fit/],
  ["more frames than anybody needs", altered(-6, 0x40), /more than 1048576/],
  ["fewer frames than its length says", altered(-9, 1), /no skippable frame/],
  ["another magic number in front", altered(0, 0x50), /no skippable frame/],
  ["another length in front", altered(4, 0), /a length of 0, wanted 25/],
  ["frames that end elsewhere", altered(8, 11), /its frames end at byte 31/],
];

for (const [name, table, message] of HOSTILE) {
  test(`refused: ${name}`, () => {
    assert.throws(
      () => read(table, 30),
      (error) =>
        error instanceof HoldfastError &&
        error.code === "packed-damaged" &&
        message.test(error.message),
    );
  });
}

test("refused: every truncation and every flipped bit but those of sizes", () => {
  for (let length = 0; length < GOOD.length; length++) {
    const cut = decodeFooter(GOOD.subarray(0, length).slice(-FOOTER_BYTES), 30 + length);
    assert.equal(cut, undefined, `cut to ${length}`);
  }
  for (let bit = 0; bit < GOOD.length * 8; bit++) {
    const bytes = altered(bit >> 3, GOOD[bit >> 3]! ^ (1 << (bit & 7)));
    let table: SeekTable | undefined;
    try {
      table = read(bytes, 30);
    } catch (error) {
      assert.ok(error instanceof HoldfastError, String(error));
      continue;
    }
    const inPlainSize = [12, 13, 14, 15, 20, 21, 22, 23].includes(bit >> 3);
    const unused = bit >> 3 === GOOD.length - 5;
    assert.ok(table === undefined || inPlainSize || unused, `bit ${bit}`);
  }
});

test("hostile bytes end in a value or an error of ours", () => {
  const ending = fc.constantFrom(GOOD.slice(-FOOTER_BYTES), new Uint8Array(0));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), ending, fc.nat(300), (bytes, end, before) => {
      try {
        read(Buffer.concat([bytes, end]), before);
      } catch (error) {
        assert.ok(error instanceof HoldfastError, String(error));
      }
    }),
    { numRuns: 1000 },
  );
});
