import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { before, test } from "node:test";
import { inspect } from "node:util";
import {
  armor,
  generateHybridIdentity,
  generateX25519Identity,
  identityToRecipient,
} from "age-encryption";
import { generateKey } from "openpgp";
import { HoldfastError, type ErrorCode } from "../errors.ts";
import { concatBytes, textBytes } from "../format/bytes.ts";
import { decodePublicKey, encodePublicKeyLine } from "../format/ssh/public-key.ts";
import { wireString } from "../format/ssh/wire.ts";
import { collect, inPieces } from "../../test/support/pieces.ts";
import { generateIdentity } from "./identity.ts";
import { parseIdentities } from "./identities.ts";
import { parseRecipients, passphraseRecipients } from "./recipients.ts";
import { open, seal } from "./seal.ts";
import { generateSigningKey } from "./signing-key.ts";
import { multiply, pointOfEd25519, scalarOfEd25519 } from "./x25519.ts";

const signal = new AbortController().signal;
const ask = async (): Promise<string> => assert.fail("a passphrase was asked for");
const file = (content: string | Uint8Array) => ({
  name: "keys.txt",
  content: Buffer.from(content),
});

let x25519: string;
let x25519Secret: string;
let postQuantum: string;
let postQuantumSecret: string;
const ssh = generateSigningKey("somebody");

before(async () => {
  x25519Secret = await generateX25519Identity();
  postQuantumSecret = await generateHybridIdentity();
  x25519 = await identityToRecipient(x25519Secret);
  postQuantum = await identityToRecipient(postQuantumSecret);
});

function refused(code: ErrorCode, message: RegExp): (error: unknown) => boolean {
  return (error) =>
    error instanceof HoldfastError &&
    error.code === code &&
    (assert.match(error.message, message), true);
}

const rawPoint = (key: KeyObject): Buffer =>
  Buffer.from(key.export({ format: "jwk" }).x!, "base64url");

test("a public Ed25519 key and its private half lead to the same X25519 key", () => {
  for (let round = 0; round < 20; round++) {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const seed = Buffer.from(privateKey.export({ format: "jwk" }).d!, "base64url");
    const base = Uint8Array.from({ length: 32 }, (_, at) => (at === 0 ? 9 : 0));
    const point = pointOfEd25519(rawPoint(publicKey))!;
    assert.deepEqual(Buffer.from(multiply(scalarOfEd25519(seed), base)), Buffer.from(point));
  }
});

test("what is no point of the curve leads nowhere", () => {
  const little = (...bytes: number[]) => Uint8Array.from({ length: 32 }, (_, at) => bytes[at] ?? 0);
  for (const bytes of [little(2), little(1), new Uint8Array(32).fill(255)])
    assert.equal(pointOfEd25519(bytes), undefined);
  assert.throws(() => multiply(new Uint8Array(32).fill(8), little(0)));
});

test("recipients are read with blanks, comments and carriage returns, and once each", async () => {
  const text = `# who can open\r\n\r\n ${x25519} \r\n${ssh.publicKey}\n${x25519}\n`;
  const recipients = await parseRecipients(file(text));
  assert.equal(recipients.kind, "age");
  assert.equal(recipients.suffix, ".age");
  assert.equal(recipients.fingerprints.length, 2);
  assert.match(recipients.fingerprints[0]!, /^x25519:[0-9a-f]{16}$/);
  assert.match(recipients.fingerprints[1]!, /^ssh-ed25519:SHA256:[A-Za-z0-9+/]{43}$/);
  const again = await parseRecipients(file(x25519));
  assert.equal(again.fingerprints[0], recipients.fingerprints[0]);
});

test("post-quantum recipients stand alone", async () => {
  const { fingerprints } = await parseRecipients(file(`${postQuantum}\n`));
  assert.match(fingerprints[0]!, /^mlkem768x25519:[0-9a-f]{16}$/);
  for (const other of [x25519, ssh.publicKey])
    await assert.rejects(
      parseRecipients(file(`${postQuantum}\n${other}`)),
      refused("recipients-unusable", /"keys.txt": post-quantum recipients stand beside others/),
    );
});

test("a passphrase has no fingerprint that would help to guess it", () => {
  assert.deepEqual(passphraseRecipients("a").fingerprints, passphraseRecipients("b").fingerprints);
});

const shortRsa = (): string => {
  const { n, e } = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey.export({
    format: "jwk",
  });
  const numbers = [
    Buffer.from(e!, "base64url"),
    Buffer.from(`00${Buffer.from(n!, "base64url").toString("hex")}`, "hex"),
  ];
  const blob = concatBytes([textBytes("ssh-rsa"), ...numbers].map(wireString));
  return encodePublicKeyLine(decodePublicKey(blob), "");
};

const BAD_RECIPIENTS: readonly (readonly [name: string, text: () => string, message: RegExp])[] = [
  ["nothing", () => "# nobody\n", /there is no recipient in it/],
  ["prose", () => "# a\nhello world", /line 2: neither an age recipient nor a public key/],
  [
    "a mistyped one",
    () => x25519.replace(/.$/, "q").replace(/^(.{20})./, "$1q"),
    /line 1: .*mistyped/,
  ],
  ["upper case", () => x25519.toUpperCase(), /line 1: neither/],
  ["a plugin's", () => "age1yubikey1qqqqqqqq", /line 1: a recipient that needs a plugin/],
  ["an SSH key of another type", () => "ecdsa-sha2-nistp256 AAAA", /line 1: /],
  ["an SSH key that is cut", () => ssh.publicKey.slice(0, 40), /line 1: /],
  ["an RSA key that is too short", shortRsa, /line 1: it has 1024 bits, wanted at least 2048/],
  ["an age identity", () => x25519Secret, /it holds a private key/],
  ["an SSH private key", () => ssh.privateKey, /it holds a private key/],
];

for (const [name, text, message] of BAD_RECIPIENTS) {
  test(`not a recipient: ${name}`, async () => {
    await assert.rejects(parseRecipients(file(text())), refused("recipients-unusable", message));
  });
}

test("an Ed25519 key that is no point is no recipient", async () => {
  const blob = concatBytes([wireString("ssh-ed25519"), wireString(new Uint8Array(32).fill(2))]);
  const line = `ssh-ed25519 ${Buffer.from(blob).toString("base64")}`;
  const isPoint = pointOfEd25519(new Uint8Array(32).fill(2)) !== undefined;
  assert.equal(isPoint, false);
  await assert.rejects(parseRecipients(file(line)), refused("recipients-unusable", /no point/));
});

test("an OpenPGP private key is no recipient, and rubbish with its armor neither", async () => {
  const { privateKey } = await generateKey({ userIDs: [{ email: "a@example.org" }] });
  await assert.rejects(
    parseRecipients(file(privateKey)),
    refused("recipients-unusable", /private key/),
  );
  const rubbish =
    "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n";
  await assert.rejects(parseRecipients(file(rubbish)), refused("recipients-unusable", /keys.txt/));
});

/** A secret with some characters changed: what is mistyped is still a secret. */
const mistyped = (secret: string): string => secret.replace(/(.{30})./, "$1B").replace(/.$/, "B");

const BAD_IDENTITIES: readonly (readonly [name: string, text: () => string, message: RegExp])[] = [
  ["nothing", () => "# nobody\n", /there is no identity in it/],
  ["a recipient", () => x25519, /line 1: no identity/],
  [
    "a mistyped one",
    () => `# a\n${mistyped(x25519Secret)}`,
    /line 2: an identity that is mistyped/,
  ],
  ["a mistyped post-quantum one", () => mistyped(postQuantumSecret), /line 1: .* mistyped/],
  ["lower case", () => x25519Secret.toLowerCase(), /line 1: no identity/],
  ["a plugin's", () => "AGE-PLUGIN-YUBIKEY-1QQQ", /line 1: an identity that needs a plugin/],
  ["an SSH key that is cut", () => ssh.privateKey.replace(/.{90}\n---/s, "\n---"), /"keys.txt": /],
  [
    "PEM",
    () =>
      generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
    /another format than OpenSSH's/,
  ],
  ["damaged armor", () => "-----BEGIN AGE ENCRYPTED FILE-----\nAAAA\n", /its armor is damaged/],
  [
    "an OpenPGP key that is damaged",
    () => "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nAAAA\n-----END PGP PRIVATE KEY BLOCK-----\n",
    /cannot be read/,
  ],
];

for (const [name, text, message] of BAD_IDENTITIES) {
  test(`not an identity: ${name}, and its error holds nothing of it`, async () => {
    const content = text();
    await assert.rejects(parseIdentities([file(content)], ask), (error) => {
      assert.ok(refused("identity-unusable", message)(error));
      const everything = inspect(error, { depth: 9, showHidden: true });
      const secrets = content.match(/[A-Za-z0-9+/]{16,}/g) ?? [];
      for (const secret of secrets.filter((one) => !/^(AGE-|age1)?$/.test(one)))
        assert.ok(!everything.includes(secret), everything);
      return true;
    });
  });
}

test("identities of several files and kinds open what each was sealed to, and no others", async () => {
  const { identity, recipient } = await generateIdentity();
  const files = [identity, `${postQuantumSecret}\n`, ssh.privateKey].map(file);
  const identities = await parseIdentities(files, ask);
  const plain = Buffer.from("plain");
  const sealedTo = async (text: string): Promise<Buffer> =>
    collect(seal(inPieces(plain), await parseRecipients(file(text)), { signal }));
  for (const text of [recipient, postQuantum, ssh.publicKey]) {
    const opened = await collect(open(inPieces(await sealedTo(text)), identities, { signal }));
    assert.ok(opened.equals(plain));
  }
  const stranger = generateSigningKey("stranger");
  for (const text of [x25519, stranger.publicKey])
    await assert.rejects(
      collect(open(inPieces(await sealedTo(text)), identities, { signal })),
      refused("no-identity-matches", /sealed to 1 recipients/),
    );
});

test("an identity file sealed to a public key, or cut short, is not opened", async () => {
  const to = await parseRecipients(file(x25519));
  const sealed = await collect(seal(inPieces(Buffer.from(x25519Secret)), to, { signal }));
  await assert.rejects(
    parseIdentities([file(sealed)], ask),
    refused("identity-unusable", /"keys.txt": no given identity opens/),
  );
  await assert.rejects(
    parseIdentities([file(armor.encode(sealed.subarray(0, 100)))], ask),
    refused("identity-unusable", /"keys.txt": the age file ends inside its header/),
  );
});

test("a passphrase is asked for only when it is needed, and its errors do not hold it", async () => {
  const asked: string[] = [];
  const identities = await parseIdentities([], async (what) => {
    asked.push(what);
    return "wrong words";
  });
  const stanza = (...args: readonly string[]): Buffer =>
    Buffer.from(
      `age-encryption.org/v1\n-> ${args.join(" ")}\n${"A".repeat(43)}\n--- ${"A".repeat(43)}\n`,
    );
  await assert.rejects(
    collect(open(inPieces(stanza("X25519", "A".repeat(43))), identities, { signal })),
    HoldfastError,
  );
  assert.deepEqual(asked, []);
  await assert.rejects(
    collect(open(inPieces(stanza("scrypt", "A".repeat(22), "10")), identities, { signal })),
    (error) => {
      assert.ok(!inspect(error, { depth: 9 }).includes("wrong words"));
      return refused("identity-unusable", /^the passphrase does not open it$/)(error);
    },
  );
  assert.deepEqual(asked, ["what was sealed"]);
});

test("a scrypt stanza that would take too much memory, or is malformed, is refused unasked", async () => {
  const identities = await parseIdentities([], ask);
  for (const [args, message] of [
    ["AAAAAAAAAAAAAAAAAAAAAA 21", /work factor of 21, wanted at most 20/],
    ["AAAAAAAAAAAAAAAAAAAAAA 018", /malformed scrypt stanza/],
    ["AAAAAAAAAAAAAAAAAAAAAA 100", /malformed scrypt stanza/],
    ["AAAAAAAAAAAAAAAAAAAAAA", /malformed scrypt stanza/],
    ["AAAAAAAAAAAAAAAAAAAA 10", /malformed scrypt stanza/],
  ] as const) {
    const mac = "A".repeat(43);
    const header = `age-encryption.org/v1\n-> scrypt ${args}\n${mac}\n--- ${mac}\n`;
    await assert.rejects(
      collect(open(inPieces(Buffer.from(header)), identities, { signal })),
      refused("sealed-damaged", message),
    );
  }
});
