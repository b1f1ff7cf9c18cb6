import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { combineCrc32c, crc32c, shiftCrc32c } from "./crc32c.ts";

const text = (value: string) => new TextEncoder().encode(value);

/** Bit by bit, straight from the definition. */
function plainCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

test("crc32c() gives the published check value", () => {
  assert.equal(crc32c(text("123456789")), 0xe3069283);
  assert.equal(crc32c(new Uint8Array(0)), 0);
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
});

test("crc32c() equals the definition for any bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      assert.equal(crc32c(bytes), plainCrc32c(bytes));
    }),
  );
});

test("crc32c() goes on from the CRC of what came before", () => {
  assert.equal(crc32c(text("6789"), crc32c(text("12345"))), 0xe3069283);
});

test("combineCrc32c() of two parts is the CRC of the whole", () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
      const whole = crc32c(b, crc32c(a));
      assert.equal(combineCrc32c(crc32c(a), crc32c(b), b.length), whole);
      assert.equal((shiftCrc32c(crc32c(a), b.length) ^ whole) >>> 0, crc32c(b));
    }),
  );
});

test("shiftCrc32c() works past 4 GiB", () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 0, max: 2 ** 40 }), fc.nat(), (crc, first, second) => {
      const together = shiftCrc32c(crc, first + second);
      assert.equal(shiftCrc32c(shiftCrc32c(crc, first), second), together);
    }),
  );
});
