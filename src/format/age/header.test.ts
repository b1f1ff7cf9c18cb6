import assert from "node:assert/strict";
import { before, test } from "node:test";
import {
  Encrypter,
  generateHybridIdentity,
  generateX25519Identity,
  identityToRecipient,
} from "age-encryption";
import fc from "fast-check";
import { HoldfastError } from "../../errors.ts";
import { textBytes } from "../bytes.ts";
import { AGE_MAGIC, MOST_HEADER_BYTES, parseAgeHeader } from "./header.ts";

const MAC = "A".repeat(43);
const FULL = "B".repeat(64);

/** A header of these lines, between the first and the MAC. */
const header = (...lines: readonly string[]): Uint8Array =>
  textBytes(`${AGE_MAGIC}${lines.map((line) => `${line}\n`).join("")}--- ${MAC}\n`);

let real: Uint8Array;

before(async () => {
  const encrypter = new Encrypter();
  for (const make of [generateX25519Identity, generateHybridIdentity, generateX25519Identity])
    encrypter.addRecipient(await identityToRecipient(await make()));
  real = await encrypter.encrypt("payload");
});

test("a real header is taken apart", () => {
  const parsed = parseAgeHeader(real)!;
  assert.deepEqual(
    parsed.stanzas.map(({ args, body }) => [args[0], args.length, body.length]),
    [
      ["X25519", 2, 32],
      ["mlkem768x25519", 2, 32],
      ["X25519", 2, 32],
    ],
  );
  const text = Buffer.from(real.subarray(0, parsed.length)).toString("latin1");
  assert.match(text, /\n--- [A-Za-z0-9+/]{43}\n$/);
});

test("a header that is not whole yet is no header yet, and no error", () => {
  const { length } = parseAgeHeader(real)!;
  for (let end = 0; end < length; end++)
    assert.equal(parseAgeHeader(real.subarray(0, end)), undefined, `${end} bytes`);
  assert.equal(parseAgeHeader(real.subarray(0, length))!.length, length);
});

test("bodies end with a line that is not full, which may be empty", () => {
  const parsed = parseAgeHeader(
    header("-> a", "", "-> b c d", FULL, "", "-> e", FULL, FULL, "QQ"),
  )!;
  assert.deepEqual(
    parsed.stanzas.map(({ args, body }) => [args, body.length]),
    [
      [["a"], 0],
      [["b", "c", "d"], 48],
      [["e"], 97],
    ],
  );
});

const HOSTILE: readonly (readonly [name: string, bytes: Uint8Array, message: RegExp])[] = [
  ["another version", textBytes("age-encryption.org/v2\n"), /at byte 0: it does not begin/],
  ["a carriage return", textBytes("age-encryption.org/v1\r\n"), /at byte 0: it does not begin/],
  ["no stanza", header(), /at byte 22: there is no stanza/],
  ["an argument that is empty", header("-> a  b", ""), /at byte 22: a stanza with bad arguments/],
  ["no argument", header("-> ", ""), /at byte 22: a stanza with bad arguments/],
  ["an argument with a tab", header("-> a\tb", ""), /at byte 22: a stanza with bad arguments/],
  ["an argument beyond ASCII", header("-> é", ""), /at byte 22: a stanza with bad arguments/],
  ["an arrow without a blank", header("->a", ""), /at byte 22: neither a stanza nor the MAC/],
  ["a body that is too long in one line", header("-> a", `${FULL}BBBB`), /at byte 27: .* body/],
  ["a body with padding", header("-> a", "QQ=="), /at byte 27: a stanza's body/],
  ["a body with bits too many", header("-> a", "QR"), /at byte 27: a stanza's body/],
  ["a body that never ends", header("-> a", FULL), /a stanza's body is not base64/],
  ["a short MAC", textBytes(`${AGE_MAGIC}-> a\n\n--- AAAA\n`), /at byte 28: neither/],
  ["a MAC with padding", textBytes(`${AGE_MAGIC}-> a\n\n--- ${MAC}=\n`), /at byte 28: neither/],
  ["an endless line", new Uint8Array(MOST_HEADER_BYTES).fill(65), /at byte 0: it goes on beyond/],
];

for (const [name, bytes, message] of HOSTILE) {
  test(`refused: ${name}`, () => {
    assert.throws(
      () => parseAgeHeader(bytes),
      (error) =>
        error instanceof HoldfastError &&
        error.code === "sealed-damaged" &&
        (assert.match(error.message, message), true),
    );
  });
}

test("hostile bytes end in a value or an error of ours", () => {
  const noise = fc.uint8Array({ maxLength: 300 });
  const lines = fc.array(fc.constantFrom("-> a b", "-> ", FULL, "QQ", "", `--- ${MAC}`, "--- "));
  fc.assert(
    fc.property(
      fc.oneof(
        noise,
        lines.map((all) => textBytes(AGE_MAGIC + all.join("\n"))),
      ),
      (bytes) => {
        try {
          parseAgeHeader(bytes);
        } catch (error) {
          assert.ok(error instanceof HoldfastError, String(error));
        }
      },
    ),
    { numRuns: 1000 },
  );
});
