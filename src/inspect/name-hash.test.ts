import assert from "node:assert/strict";
import { test } from "node:test";
import { random } from "../../test/support/random.ts";
import { concatBytes } from "../format/bytes.ts";
import { NameHash } from "./name-hash.ts";

const SEED = Number(process.env["SEED"] ?? 4);

/** HalfSipHash-1-3 with 32 bits of output, written as its authors do. */
function halfSipHash(k0: number, k1: number, bytes: Uint8Array): number {
  const v = [k0, k1, k0 ^ 0x6c796765, k1 ^ 0x74656462];
  const turned = (i: number, by: number): number => (v[i]! << by) | (v[i]! >>> (32 - by));
  const mix = (a: number, b: number, by: number): void => {
    v[a] = (v[a]! + v[b]!) | 0;
    v[b] = turned(b, by) ^ v[a]!;
  };
  const round = (): void => {
    mix(0, 1, 5);
    v[0] = turned(0, 16);
    mix(2, 3, 8);
    mix(0, 3, 7);
    mix(2, 1, 13);
    v[2] = turned(2, 16);
  };
  const padded = new Uint8Array(Math.floor(bytes.length / 4) * 4 + 4);
  padded.set(bytes);
  padded[padded.length - 1] = bytes.length;
  const view = new DataView(padded.buffer);
  for (let at = 0; at < padded.length; at += 4) {
    const word = view.getUint32(at, true);
    v[3]! ^= word;
    round();
    v[0]! ^= word;
  }
  v[2]! ^= 0xff;
  for (let i = 0; i < 3; i++) round();
  return (v[1]! ^ v[3]!) >>> 0;
}

test(`it is HalfSipHash-1-3 of the group and the bytes (seed ${SEED})`, () => {
  const chance = random(SEED);
  const word = (): number => chance.between(0, 0xffff_ffff);
  for (let length = 0; length < 300; length++) {
    const [k0, k1, group] = [word(), word(), word()] as const;
    const bytes = chance.bytes(length + 7);
    const head = new Uint8Array(4);
    new DataView(head.buffer).setUint32(0, group, true);
    const wanted = halfSipHash(k0, k1, concatBytes([head, bytes.subarray(5, 5 + length)]));
    assert.equal(new NameHash(k0, k1).of(group, bytes, 5, length), wanted, `${length} bytes`);
  }
});

test("names that collide in a multiply-and-xor hash whatever its seed do not collide here", () => {
  const blocks = [
    Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0),
    Uint8Array.of(2, 0, 1, 0x80, 0, 0, 4, 0x80),
  ];
  const names = Array.from({ length: 4096 }, (_, n) =>
    concatBytes(Array.from({ length: 12 }, (_bit, i) => blocks[(n >>> i) & 1]!)),
  );
  for (const key of [0, 1, 0x9e3779b9]) {
    const hash = new NameHash(key, ~key);
    const different = new Set(names.map((name) => hash.of(0, name, 0, name.length))).size;
    assert.ok(different > 4080, `${different} of 4096 are different`);
  }
});
