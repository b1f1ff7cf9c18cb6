import assert from "node:assert/strict";
import { test } from "node:test";
import { random } from "../../test/support/random.ts";
import { textBytes } from "../format/bytes.ts";
import { Budget } from "./budget.ts";
import { KeyTable, NO_NUMBER } from "./keys.ts";

const SEED = Number(process.env["SEED"] ?? 7);

function table(): { keys: KeyTable; number: (key: string | Uint8Array) => number; budget: Budget } {
  const budget = new Budget();
  const keys = new KeyTable(SEED, budget);
  const number = (key: string | Uint8Array): number => {
    const bytes = typeof key === "string" ? textBytes(key) : key;
    const padded = new Uint8Array(bytes.length + 9).fill(0x2f);
    padded.set(bytes, 4);
    return keys.number(padded, 4, bytes.length);
  };
  return { keys, number, budget };
}

test(`equal keys have one number, different ones different numbers (seed ${SEED})`, () => {
  const { keys, number } = table();
  const chance = random(SEED);
  const known = new Map<string, number>();
  for (let i = 0; i < 20_000; i++) {
    const parts = Array.from({ length: chance.between(1, 4) }, () =>
      chance.between(0, 30).toString(36),
    );
    const key = chance.pick(["", "/"]) + parts.join("/") + chance.pick(["", "", "/"]);
    const found = number(key);
    assert.equal(found, known.get(key) ?? known.size, key);
    known.set(key, found);
  }
  assert.equal(keys.length, known.size);
  for (const [key, found] of known) {
    assert.equal(keys.text(found), key);
    const directory = keys.directoryText(keys.directoryOf(found));
    assert.equal(directory, key.slice(0, key.lastIndexOf("/") + 1));
  }
});

test("keys with the same letters at other places are different", () => {
  const { number } = table();
  const keys = ["", "/", "//", "a", "/a", "a/", "/a/", "a//", "a/b", "ab/", "a\0", "a\0\0", "\0"];
  assert.deepEqual(
    keys.map(number),
    keys.map((_, i) => i),
  );
});

test("keys of any length are told apart by any of their bytes, and shown by their beginning", () => {
  const { keys, number } = table();
  for (const length of [4063, 4064, 4065, 4095, 4096, 4097, 32768, 1_400_000]) {
    const key = new Uint8Array(length).fill(0x61);
    const first = number(key);
    assert.equal(number(key), first);
    for (const at of [0, 4063, 4064, length - 1].filter((place) => place < length)) {
      const other = key.slice();
      other[at] = 0x62;
      assert.notEqual(number(other), first, `${length} bytes, different at ${at}`);
    }
    assert.match(keys.text(first), length < 4096 ? /^a+$/ : /^a{4064}… \(\d+ bytes\)$/);
  }
});

test("long keys that the budget does not pay for get no number, short ones always do", () => {
  const { number, budget } = table();
  const long = new Uint8Array(1 << 20).fill(1);
  const numbers = Array.from({ length: 8 }, (_, i) => number(long.with(5, i)));
  assert.deepEqual(
    numbers.map((found) => found === NO_NUMBER),
    [...Array(4).fill(false), ...Array(4).fill(true)],
  );
  assert.notEqual(number("short"), NO_NUMBER);
  budget.earn(1 << 20);
  assert.notEqual(number(long), NO_NUMBER);
});
