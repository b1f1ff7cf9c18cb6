import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { HoldfastError, type ErrorCode } from "../errors.ts";
import { encodeAllowedSigner } from "../format/ssh/allowed-signers.ts";
import { decodeSignature, encodeSignature } from "../format/ssh/signature.ts";
import { NAMESPACE, parseAllowedSigners, sign, verify } from "./signature.ts";
import { generateSigningKey, readSigningKey } from "./signing-key.ts";

const MESSAGE = Buffer.from('{"id":"20260101T000000Z-l1-r5-0a1b2c3d"}\n');
const ask = async (): Promise<string> => assert.fail("a passphrase was asked for");
const file = (text: string) => ({ name: "a-file", content: Buffer.from(text) });

const made = generateSigningKey("holdfast@host");
const stranger = generateSigningKey("");
const key = await readSigningKey(file(made.privateKey), ask);
const allowed = parseAllowedSigners(
  file(
    [
      encodeAllowedSigner("prod", NAMESPACE, generateSigningKey("").key),
      encodeAllowedSigner("backup", NAMESPACE, made.key),
    ].join("\n"),
  ),
);

function refused(code: ErrorCode, message: RegExp): (error: unknown) => boolean {
  return (error) =>
    error instanceof HoldfastError &&
    error.code === code &&
    (assert.match(error.message, message), true);
}

test("a signature is verified, and says by whom it is", () => {
  const { principal, fingerprint } = verify(MESSAGE, sign(MESSAGE, key), allowed);
  assert.equal(principal, "backup");
  assert.match(fingerprint, /^SHA256:[A-Za-z0-9+/]{43}$/);
});

test("signing the same twice gives the same", () => {
  assert.equal(sign(MESSAGE, key), sign(MESSAGE, key));
  assert.notEqual(sign(MESSAGE, key), sign(Buffer.concat([MESSAGE, Buffer.of(0)]), key));
});

test("every flipped bit of the message is found", () => {
  const text = sign(MESSAGE, key);
  for (let bit = 0; bit < MESSAGE.length * 8; bit++) {
    const flipped = Buffer.from(MESSAGE);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    assert.throws(
      () => verify(flipped, text, allowed),
      refused("signature-invalid", /not of these bytes/),
    );
  }
});

test("every truncation and every flipped bit of the signature is found", () => {
  const text = sign(MESSAGE, key);
  for (let at = 0; at < text.length; at++) {
    const cut = text.slice(0, at);
    assert.throws(() => verify(MESSAGE, cut, allowed), refused("signature-invalid", /./));
    for (let bit = 0; bit < 7; bit++) {
      const code = text.charCodeAt(at) ^ (1 << bit);
      const flipped = text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1);
      assert.throws(() => verify(MESSAGE, flipped, allowed), refused("signature-invalid", /./));
    }
  }
});

test("S plus the group's order is another text for the same, and refused", () => {
  const text = sign(MESSAGE, key);
  const parsed = decodeSignature(text);
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const half = Buffer.from(parsed.signature.subarray(32)).toReversed();
  const raised = (BigInt(`0x${Buffer.from(half).toString("hex")}`) + order)
    .toString(16)
    .padStart(64, "0");
  const signature = Buffer.concat([
    parsed.signature.subarray(0, 32),
    Buffer.from(raised, "hex").toReversed(),
  ]);
  const other = encodeSignature({ ...parsed, signature });
  assert.notEqual(other, text);
  assert.throws(
    () => verify(MESSAGE, other, allowed),
    refused("signature-invalid", /not of these bytes/),
  );
});

test("a stranger's good signature is told from a bad one", async () => {
  const theirs = await readSigningKey(file(stranger.privateKey), ask);
  const text = sign(MESSAGE, theirs);
  assert.throws(
    () => verify(MESSAGE, text, allowed),
    refused("signer-unknown", /^signed by SHA256:\S+, which is no key of an allowed signer$/),
  );
  assert.throws(() => verify(Buffer.of(1), text, allowed), refused("signature-invalid", /./));
});

test("a signature in another namespace is refused", () => {
  const other = encodeSignature({ ...decodeSignature(sign(MESSAGE, key)), namespace: "file" });
  assert.throws(
    () => verify(MESSAGE, other, allowed),
    refused("signature-invalid", /made as "file", wanted "holdfast"/),
  );
});

test("allowed signers that may not sign here do not count", () => {
  const elsewhere = encodeAllowedSigner("git", "git", made.key);
  assert.throws(
    () => parseAllowedSigners(file(elsewhere)),
    refused("allowed-signers-unusable", /"a-file": there is no Ed25519 key in it that may sign as/),
  );
  assert.throws(() => parseAllowedSigners(file("")), refused("allowed-signers-unusable", /./));
  const some = parseAllowedSigners(
    file(`${elsewhere}\n${encodeAllowedSigner("prod", NAMESPACE, stranger.key)}`),
  );
  assert.throws(() => verify(MESSAGE, sign(MESSAGE, key), some), refused("signer-unknown", /./));
});

test("what is no signing key is refused, and its error holds nothing of it", async () => {
  const middle = made.privateKey.split("\n")[3]!;
  for (const text of [
    "",
    made.publicKey,
    made.privateKey.replace(middle, ""),
    made.privateKey.replace(middle, middle.toLowerCase()),
  ])
    await assert.rejects(readSigningKey(file(text), ask), (error) => {
      assert.ok(!inspect(error, { depth: 9 }).includes(middle.slice(0, 20)));
      return refused("signing-key-unusable", /^cannot use "a-file": /)(error);
    });
});

test("a key whose halves do not belong together is refused", async () => {
  const bytes = Buffer.from(made.privateKey.replaceAll(/-----.*-----|\n/g, ""), "base64");
  const point = Buffer.from(made.key.point);
  const last = bytes.lastIndexOf(point);
  const second = bytes.lastIndexOf(point, last - 1);
  bytes[second]! ^= 1;
  const text = `-----BEGIN OPENSSH PRIVATE KEY-----\n${bytes.toString("base64")}\n-----END OPENSSH PRIVATE KEY-----\n`;
  await assert.rejects(
    readSigningKey(file(text), ask),
    refused("signing-key-unusable", /halves do not belong/),
  );
});
