import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HoldfastError, type ErrorCode } from "../../errors.ts";
import { toBase64 } from "../base64.ts";
import { concatBytes, textBytes } from "../bytes.ts";
import { decodeAllowedSigners, encodeAllowedSigner, maySignAs } from "./allowed-signers.ts";
import { encodeArmor } from "./armor.ts";
import { decodeKeyFile, decodePrivatePart, encodeKeyFile } from "./private-key.ts";
import {
  decodePublicKey,
  decodePublicKeyLine,
  encodeEd25519PublicKey,
  encodePublicKeyLine,
  type Ed25519PublicKey,
} from "./public-key.ts";
import { decodeSignature, encodeSignature } from "./signature.ts";
import { WireReader, wireString, wireU32 } from "./wire.ts";

const POINT = Uint8Array.from({ length: 32 }, (_, at) => at);
const SEED = POINT.map((byte) => byte ^ 0x5a);
const BLOB = encodeEd25519PublicKey(POINT);
const KEY = decodePublicKey(BLOB) as Ed25519PublicKey;
const LINE = `ssh-ed25519 ${toBase64(BLOB)}`;
const RSA_BLOB = concatBytes(
  [textBytes("ssh-rsa"), Uint8Array.of(1, 0, 1), Uint8Array.of(0, 0x80, 3)].map(wireString),
);

function refused(code: ErrorCode, message: RegExp): (error: unknown) => boolean {
  return (error) =>
    error instanceof HoldfastError &&
    error.code === code &&
    (assert.match(error.message, message), true);
}

const malformed = (message: RegExp): ((error: unknown) => boolean) =>
  refused("malformed-message", message);

test("wire values are read in bounds, and nothing may be left over", () => {
  const reader = new WireReader(concatBytes([wireU32(7), wireString("name"), Uint8Array.of(1)]));
  assert.equal(reader.u32(), 7);
  assert.equal(reader.name(), "name");
  assert.throws(() => reader.end(), malformed(/at byte 12: 1 bytes too many/));
  assert.throws(() => reader.u32(), malformed(/at byte 12: 4 bytes are wanted, 1 left/));
  assert.throws(
    () => new WireReader(Uint8Array.of(255, 255, 255, 255)).string(),
    malformed(/at byte 4/),
  );
  for (const integer of [[], [0], [0, 1], [0x80]])
    assert.throws(
      () => new WireReader(wireString(Uint8Array.from(integer))).integer(),
      malformed(/integer/),
    );
});

test("public keys come back from blob and line", () => {
  assert.deepEqual(KEY, { type: "ssh-ed25519", blob: BLOB, point: POINT });
  assert.deepEqual(decodePublicKey(RSA_BLOB), {
    type: "ssh-rsa",
    blob: RSA_BLOB,
    exponent: Uint8Array.of(1, 0, 1),
    modulus: Uint8Array.of(0x80, 3),
  });
  assert.deepEqual(decodePublicKeyLine(` ${LINE}\tme at home \n`), {
    key: KEY,
    comment: "me at home",
  });
  assert.equal(encodePublicKeyLine(KEY, "me"), `${LINE} me`);
  assert.equal(encodePublicKeyLine(KEY, ""), LINE);
});

const BAD_LINES: readonly (readonly [name: string, line: string])[] = [
  ["nothing", ""],
  ["no key", "ssh-ed25519"],
  ["base64 that is none", `${LINE}!`],
  ["another type in front", LINE.replace("ssh-ed25519", "ssh-rsa")],
  ["bytes behind the key", `ssh-ed25519 ${toBase64(concatBytes([BLOB, Uint8Array.of(0)]))}`],
  ["a short key", `ssh-ed25519 ${toBase64(encodeEd25519PublicKey(POINT.subarray(1)))}`],
  ["a type we do not know", `ssh-dss ${toBase64(wireString("ssh-dss"))}`],
];

for (const [name, line] of BAD_LINES) {
  test(`a public key line is refused: ${name}`, () => {
    assert.throws(() => decodePublicKeyLine(line), malformed(/./));
  });
}

test("a private key file comes back", () => {
  const text = encodeKeyFile({ type: "ssh-ed25519", seed: SEED, point: POINT }, "me", 0xfedcba98);
  const file = decodeKeyFile(text);
  assert.deepEqual(file.publicKey, KEY);
  assert.equal(file.encryption, undefined);
  assert.equal(file.privatePart.length % 8, 0);
  assert.deepEqual(decodePrivatePart(file.privatePart), {
    type: "ssh-ed25519",
    seed: SEED,
    point: POINT,
  });
  const otherCheck = Uint8Array.from(file.privatePart);
  otherCheck[0]! ^= 1;
  assert.equal(decodePrivatePart(otherCheck), undefined);
});

test("a private key file: every truncation and flipped byte ends in a value or an error of ours", () => {
  const text = encodeKeyFile({ type: "ssh-ed25519", seed: SEED, point: POINT }, "me", 1);
  const secret = toBase64(SEED).slice(0, 16);
  for (let at = 0; at < text.length; at++) {
    for (const changed of [text.slice(0, at), `${text.slice(0, at)}A${text.slice(at + 1)}`]) {
      try {
        decodePrivatePart(decodeKeyFile(changed).privatePart);
      } catch (error) {
        assert.ok(error instanceof HoldfastError, String(error));
        assert.ok(!error.message.includes(secret));
      }
    }
  }
});

const SIGNATURE = Uint8Array.from({ length: 64 }, (_, at) => at * 3);
const SIGNED = encodeSignature({ key: KEY, namespace: "holdfast", signature: SIGNATURE });

test("a signature comes back, in lines of 70 columns", () => {
  assert.deepEqual(decodeSignature(SIGNED), {
    key: KEY,
    namespace: "holdfast",
    signature: SIGNATURE,
  });
  const lines = SIGNED.split("\n");
  assert.equal(lines[0], "-----BEGIN SSH SIGNATURE-----");
  assert.equal(lines[1]!.length, 70);
  assert.equal(lines.at(-1), "");
});

test("a signature has one text: whatever else holds the same bytes is refused", () => {
  const texts = [
    SIGNED.trimEnd(),
    `${SIGNED}\n`,
    ` ${SIGNED}`,
    SIGNED.replaceAll("\n", "\r\n"),
    SIGNED.replace(/\n(.)/, "$1"),
    SIGNED.replace(/(\n.{60})/, "$1\n"),
    SIGNED.replace("=", ""),
    `# a note\n${SIGNED}`,
    SIGNED + SIGNED,
    SIGNED.replace("BEGIN SSH", "BEGIN  SSH"),
  ];
  for (const text of texts.filter((one) => one !== SIGNED))
    assert.throws(() => decodeSignature(text), malformed(/signature cannot be read/), text);
});

test("a signature: every truncation and every flipped bit is another signature or an error of ours", () => {
  for (let at = 0; at < SIGNED.length; at++) {
    assert.throws(() => decodeSignature(SIGNED.slice(0, at)), HoldfastError);
    for (let bit = 0; bit < 8; bit++) {
      const code = SIGNED.charCodeAt(at) ^ (1 << bit);
      const text = SIGNED.slice(0, at) + String.fromCharCode(code) + SIGNED.slice(at + 1);
      try {
        assert.equal(encodeSignature(decodeSignature(text)), text);
      } catch (error) {
        assert.ok(error instanceof HoldfastError, String(error));
      }
    }
  }
});

test("a signature of another kind is refused", () => {
  const strings = (key: Uint8Array, reserved: string, hash: string, type: string, length = 64) => [
    key,
    "holdfast",
    reserved,
    hash,
    concatBytes([wireString(type), wireString(new Uint8Array(length))]),
  ];
  const cases: readonly (readonly [number, ReturnType<typeof strings>, RegExp])[] = [
    [2, strings(BLOB, "", "sha512", "ssh-ed25519"), /version is not 1/],
    [1, strings(RSA_BLOB, "", "sha512", "rsa-sha2-512"), /not Ed25519/],
    [1, strings(BLOB, "", "sha256", "ssh-ed25519"), /not over SHA-512/],
    [1, strings(BLOB, "more", "sha512", "ssh-ed25519"), /not over SHA-512/],
    [1, strings(BLOB, "", "sha512", "ssh-ed25519", 63), /has 63 bytes/],
  ];
  for (const [version, parts, message] of cases) {
    const head = [textBytes("SSHSIG"), wireU32(version)];
    const text = encodeArmor("SSH SIGNATURE", concatBytes([...head, ...parts.map(wireString)]));
    assert.throws(() => decodeSignature(text), malformed(message));
  }
});

test("allowed signers are read with names, options and comments", () => {
  const text = [
    "# a note",
    "",
    encodeAllowedSigner("backup@prod", "holdfast", KEY),
    `"two words" ${LINE} a comment`,
    `me namespaces="git,hold*,!holdout" ${LINE}`,
    `old ssh-rsa ${toBase64(RSA_BLOB)}`,
    `token namespaces="holdfast" sk-ssh-ed25519@openssh.com AAAA`,
  ].join("\r\n");
  assert.deepEqual(decodeAllowedSigners(text), [
    { principal: "backup@prod", namespaces: ["holdfast"], key: KEY },
    { principal: "two words", namespaces: undefined, key: KEY },
    { principal: "me", namespaces: ["git", "hold*", "!holdout"], key: KEY },
  ]);
});

test("a key signs only in the namespaces that it may", () => {
  const signer = (namespaces: readonly string[] | undefined) => ({
    principal: "",
    namespaces,
    key: KEY,
  });
  assert.equal(maySignAs(signer(undefined), "anything"), true);
  assert.equal(maySignAs(signer(["holdfast"]), "holdfast"), true);
  assert.equal(maySignAs(signer(["holdfast"]), "holdfasts"), false);
  assert.equal(maySignAs(signer(["hold?ast", "git"]), "holdfast"), true);
  assert.equal(maySignAs(signer(["*", "!holdfast"]), "holdfast"), false);
  assert.equal(maySignAs(signer(["h.ldfast"]), "holdfast"), false);
  assert.equal(maySignAs(signer([""]), "holdfast"), false);
});

const BAD_SIGNERS: readonly (readonly [line: string, message: RegExp])[] = [
  ["me", /line 1 of the allowed signers: it is not complete/],
  [`me cert-authority ${LINE}`, /option "cert-authority" is not understood/],
  [`me namespaces="holdfast",valid-before="20300101" ${LINE}`, /option "valid-before"/],
  [`me namespaces=holdfast ${LINE}`, /option "namespaces/],
  ["me ssh-ed25519 AAAA", /no SSH public key|SSH data is damaged/],
  [`me namespaces="x" nothing`, /no public key in it/],
  [`me namespaces="x" nothing here`, /no public key in it/],
  [`me ssh-ed25519 ${toBase64(RSA_BLOB)}`, /says otherwise/],
];

for (const [line, message] of BAD_SIGNERS) {
  test(`an allowed signer is refused: ${line.slice(0, 50)}`, () => {
    assert.throws(() => decodeAllowedSigners(line), refused("allowed-signers-unusable", message));
  });
}

test("hostile bytes end in a value or an error of ours", () => {
  const readers = [
    (bytes: Uint8Array) => decodePublicKey(bytes),
    (bytes: Uint8Array) => decodePrivatePart(bytes),
    (bytes: Uint8Array) => decodeKeyFile(encodeArmor("OPENSSH PRIVATE KEY", bytes)),
    (bytes: Uint8Array) => decodeSignature(encodeArmor("SSH SIGNATURE", bytes)),
  ];
  const start = fc.constantFrom("", "SSHSIG\0\0\0\x01", "openssh-key-v1\0", "\0\0\0\x07ssh-rsa");
  const parts = fc.array(fc.uint8Array({ maxLength: 40 }).map(wireString), { maxLength: 8 });
  fc.assert(
    fc.property(start, parts, fc.uint8Array({ maxLength: 40 }), (magic, strings, rest) => {
      const bytes = concatBytes([Buffer.from(magic, "latin1"), ...strings, rest]);
      for (const read of readers) {
        try {
          read(bytes);
        } catch (error) {
          assert.ok(error instanceof HoldfastError, String(error));
        }
      }
    }),
    { numRuns: 1000 },
  );
});
