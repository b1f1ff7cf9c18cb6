import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encodeKeyValue } from "../../../test/support/store.ts";
import { HoldfastError } from "../../errors.ts";
import { concatBytes, textBytes } from "../bytes.ts";
import { bytesField, varintField } from "../protobuf.ts";
import { decodeKeyValue, KeyValueFields } from "./key-value.ts";

const fromHex = (text: string): Uint8Array =>
  Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));

test("a row of a real server", () => {
  const row = decodeKeyValue(
    fromHex("0a036c2f31 104b 184b 2001 2a066c6561736564 30cd90eeb5f6c0a8b441"),
  );
  assert.deepEqual(
    { ...row, key: Buffer.from(row.key).toString(), value: Buffer.from(row.value).toString() },
    {
      key: "l/1",
      createRevision: 75n,
      modRevision: 75n,
      version: 1n,
      value: "leased",
      lease: 4713195162715261005n,
    },
  );
});

test("nothing is a KeyValue too: the row that a revision bump leaves", () => {
  const row = decodeKeyValue(new Uint8Array(0));
  assert.deepEqual([row.key.length, row.modRevision, row.value.length], [0, 0n, 0]);
});

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const anyRow = fc.record(
  {
    key: fc.uint8Array({ maxLength: 300 }),
    createRevision: int64,
    modRevision: int64,
    version: int64,
    value: fc.uint8Array({ maxLength: 300 }),
    lease: int64,
  },
  { noNullPrototype: true },
);

test("every row comes back as it was encoded, also with fields that nobody knows between its own", () => {
  fc.assert(
    fc.property(anyRow, fc.nat(), (row, unknown) => {
      const plain = encodeKeyValue(row);
      assert.deepEqual(decodeKeyValue(plain), row);
      const strange = [varintField(9, unknown), bytesField(200, textBytes("later"))];
      const fixed = [
        Uint8Array.of((7 << 3) | 1, 1, 2, 3, 4, 5, 6, 7, 8),
        Uint8Array.of(0x45, 1, 2, 3, 4),
        // groups of field 7, one in the other, whose fields are not the row's own
        fromHex("3b 1005 0a0178 3b 2a00 3c 3c"),
      ];
      assert.deepEqual(decodeKeyValue(concatBytes([...strange, plain, ...fixed])), row);
    }),
  );
});

test("a row that is cut anywhere, or follows another format, is refused with the offset", () => {
  const value = encodeKeyValue({
    key: "a",
    createRevision: 300n,
    value: "b".repeat(200),
    lease: -1n,
  });
  const ends = new Set([0, 3, 6, 209, value.length]); // between two fields
  for (let length = 0; length < value.length; length++) {
    const cut = value.subarray(0, length);
    if (ends.has(length)) decodeKeyValue(cut);
    else
      assert.throws(() => decodeKeyValue(cut), {
        code: "malformed-message",
        message: /at offset \d+ of/,
      });
  }
  for (const bytes of [
    "00",
    "0801",
    "1201",
    "0b",
    "0f",
    "3b",
    "3c",
    "3b3b3c",
    "08",
    "ffffffffff7f",
    "0affffffffff7f",
    "10ffffffffffffffffffff01",
  ])
    assert.throws(() => decodeKeyValue(fromHex(bytes)), { code: "malformed-message" }, bytes);
});

test("any bytes are a row or malformed, and are not looked at beyond the end that was named", () => {
  const fields = new KeyValueFields();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(80), (bytes, end) => {
      fields.decode(bytes, 0, Math.min(end, bytes.length));
      assert.ok(fields.keyAt + fields.keyLength <= bytes.length);
      assert.ok(fields.valueAt + fields.valueLength <= bytes.length);
      try {
        decodeKeyValue(bytes);
      } catch (error) {
        assert.ok(error instanceof HoldfastError);
      }
    }),
    { numRuns: 2000 },
  );
});

test("a value of more fields than any message has is refused early", () => {
  const fields = Array.from({ length: 2048 }, () => varintField(9, 1));
  decodeKeyValue(concatBytes(fields));
  const long = concatBytes(Array.from({ length: 20_000 }, () => varintField(9, 1)));
  assert.throws(() => decodeKeyValue(long), /at offset 4096 of 40000/);
  // a group, its fields and its end count as so many
  const group = (inside: number): Uint8Array =>
    concatBytes([fromHex("3b"), ...fields.slice(0, inside), fromHex("3c")]);
  decodeKeyValue(group(2046));
  assert.throws(() => decodeKeyValue(group(2047)), /at offset 0 of/);
  assert.throws(() => decodeKeyValue(concatBytes([group(2046), long])), /at offset 4094 of/);
});
