/** Inputs out of other inputs: changed, cut, joined, repeated; or just chance. */
import { putU16le, putU32le, putU64le } from "../../src/format/bytes.ts";
import { fnv1a64 } from "../../src/format/fnv1a.ts";
import type { Random } from "../support/random.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Numbers at which arithmetic breaks. */
const NUMBERS = [
  0n,
  1n,
  2n,
  7n,
  15n,
  17n,
  255n,
  1023n,
  1024n,
  4095n,
  4096n,
  ...[4n, 5n, 8n, 15n, 16n, 31n, 32n, 53n, 62n, 63n, 64n].flatMap((bits) => [
    2n ** bits - 1n,
    2n ** bits,
    2n ** bits + 1n,
  ]),
];
const LARGEST = 1 << 20;

type Change = (input: Bytes, chance: Random, corpus: readonly Uint8Array[]) => Bytes;

const anywhere = (input: Uint8Array, chance: Random): number =>
  chance.between(0, Math.max(0, input.length - 1));

/** A place that is likely to be a field: aligned, or in the first bytes of a page. */
const field = (input: Uint8Array, chance: Random): number => {
  const at = anywhere(input, chance);
  if (chance.between(0, 1) === 0) return at - (at % chance.pick([2, 4, 8]));
  return (
    at - (at % 1024) + chance.pick([0, 8, 10, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 56, 64, 72])
  );
};

const CHANGES: readonly Change[] = [
  (input, chance) => {
    if (input.length > 0) input[anywhere(input, chance)]! ^= 1 << chance.between(0, 7);
    return input;
  },
  (input, chance) => {
    if (input.length > 0) input[field(input, chance)] = chance.between(0, 255);
    return input;
  },
  (input, chance) => {
    const at = field(input, chance);
    const number = chance.pick(NUMBERS);
    const width = chance.pick([2, 4, 8]);
    if (at + width > input.length) return input;
    if (width === 2) putU16le(input, at, Number(number & 0xffffn));
    else if (width === 4) putU32le(input, at, Number(number & 0xffffffffn));
    else putU64le(input, at, BigInt.asUintN(64, number));
    return input;
  },
  (input, chance) => {
    const [at, to] = [anywhere(input, chance), anywhere(input, chance)];
    input.copyWithin(to, at, at + chance.pick([1, 4, 8, 16, 100, 1024, 4096]));
    return input;
  },
  (input, chance) => {
    const at = anywhere(input, chance);
    return input.fill(chance.pick([0, 0xff, 0x74]), at, at + chance.pick([1, 8, 64, 1024, 4096]));
  },
  (input, chance) => input.slice(0, anywhere(input, chance)),
  (input, chance) => input.slice(anywhere(input, chance)),
  (input, chance) => {
    const [at, length] = [anywhere(input, chance), chance.pick([1, 2, 7, 16, 1024])];
    return joined(input.subarray(0, at), chance.bytes(length), input.subarray(at));
  },
  (input, chance) => {
    const at = anywhere(input, chance);
    return joined(input.subarray(0, at), input.subarray(at + chance.pick([1, 2, 7, 16, 1024])));
  },
  (input, chance, corpus) => {
    const other = chance.pick(corpus);
    return joined(
      input.subarray(0, anywhere(input, chance)),
      other.subarray(anywhere(other, chance)),
    );
  },
  (input, chance) => {
    const part = input.slice(anywhere(input, chance)).subarray(0, chance.pick([1, 17, 300]));
    return joined(input, ...Array.from({ length: chance.between(1, 20) }, () => part));
  },
  (input, chance) => {
    // Two pages change places.
    const pages = Math.floor(input.length / 1024);
    if (pages < 2) return input;
    const [a, b] = [chance.between(0, pages - 1) * 1024, chance.between(0, pages - 1) * 1024];
    const kept = input.slice(a, a + 1024);
    input.copyWithin(a, b, b + 1024);
    input.set(kept, b);
    return input;
  },
];

function joined(...parts: readonly Uint8Array[]): Bytes {
  return Uint8Array.from(Buffer.concat(parts).subarray(0, LARGEST));
}

/** One of the corpus with some changes; now and then nothing but chance. */
export function makeInput(chance: Random, corpus: readonly Uint8Array[]): Bytes {
  if (chance.between(0, 19) === 0)
    return Uint8Array.from(chance.bytes(chance.pick([0, 1, 17, 300, 5000])));
  let input = Uint8Array.from(chance.pick(corpus));
  const most = chance.pick([1, 1, 2, 4, 16]);
  for (let i = chance.between(1, most); i > 0; i--)
    input = chance.pick(CHANGES)(input, chance, corpus);
  if (chance.between(0, 1) === 0) sealMetas(input);
  return input;
}

/** Gives bbolt's metas their checksums again, so that the changes in them count. */
function sealMetas(input: Uint8Array): void {
  for (const page of [0, 1024, 4096, 16384]) {
    const meta = page + 16;
    if (meta + 64 > input.length) return;
    putU64le(input, meta + 56, fnv1a64(input.subarray(meta, meta + 56)));
  }
}
