/** What we sign, ssh-keygen verifies; what it signs, we verify: text for text the same. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { encodeAllowedSigner } from "../src/format/ssh/allowed-signers.ts";
import type { ErrorCode } from "../src/errors.ts";
import { NAMESPACE, parseAllowedSigners, sign, verify } from "../src/seal/signature.ts";
import { generateSigningKey, readSigningKey } from "../src/seal/signing-key.ts";
import { scratch, type Scratch } from "./support/scratch.ts";
import { stock, stockOutput } from "./support/stock.ts";

const PASSPHRASE = "correct horse";
const PRINCIPAL = "backup@prod";
const MESSAGES = [0, 1, 1000, 70_000].map((size) => Buffer.alloc(size, "holdfast "));
const made = generateSigningKey("holdfast@host");

let folder: Scratch;

const refuse = async (): Promise<string> => assert.fail("a passphrase was asked for");
const keyFile = async (name: string) => ({ name, content: await readFile(folder.file(name)) });
const secret = (name: string, text: string): Promise<void> =>
  writeFile(folder.file(name), text, { mode: 0o600 });

before(async () => {
  folder = await scratch();
  await secret("ours", made.privateKey);
  await writeFile(folder.file("ours.pub"), made.publicKey);
  await writeFile(
    folder.file("allowed"),
    `${encodeAllowedSigner(PRINCIPAL, NAMESPACE, made.key)}\n`,
  );
});

after(() => folder[Symbol.asyncDispose]());

/** Makes a key by ssh-keygen and gives its path. */
async function makeKey(
  name: string,
  passphrase: string,
  ...args: readonly string[]
): Promise<string> {
  const path = folder.file(name);
  await stockOutput("ssh-keygen", ["-q", ...args, "-N", passphrase, "-C", "a comment", "-f", path]);
  return path;
}

const signBy = async (
  key: string,
  message: Uint8Array,
  ...args: readonly string[]
): Promise<string> =>
  `${await stockOutput("ssh-keygen", ["-Y", "sign", "-q", "-f", folder.file(key), "-n", NAMESPACE, ...args], { input: message })}`;

/** Whether ssh-keygen holds a signature for good. */
async function holds(
  message: Uint8Array,
  text: string,
  signers = "allowed",
  namespace = NAMESPACE,
): Promise<boolean> {
  await writeFile(folder.file("message.sig"), text);
  const args = ["-f", folder.file(signers), "-I", PRINCIPAL, "-n", namespace];
  const all = ["-Y", "verify", ...args, "-s", folder.file("message.sig")];
  return (await stock("ssh-keygen", all, { input: message })).status === 0;
}

test("ssh-keygen takes our key, and finds the public half that we wrote", async () => {
  const found = `${await stockOutput("ssh-keygen", ["-y", "-f", folder.file("ours")])}`;
  assert.equal(found, made.publicKey);
  const key = await readSigningKey(await keyFile("ours"), refuse);
  const { fingerprint } = verify(
    MESSAGES[1]!,
    sign(MESSAGES[1]!, key),
    parseAllowedSigners(await keyFile("allowed")),
  );
  const listed = `${await stockOutput("ssh-keygen", ["-l", "-f", folder.file("ours")])}`;
  assert.equal(listed, `256 ${fingerprint} holdfast@host (ED25519)\n`);
});

test("ssh-keygen and we sign with the same text, and verify each other's", async () => {
  const key = await readSigningKey(await keyFile("ours"), refuse);
  const allowed = parseAllowedSigners(await keyFile("allowed"));
  for (const message of MESSAGES) {
    const ours = sign(message, key);
    const theirs = await signBy("ours", message);
    assert.equal(ours, theirs);
    assert.equal(await holds(message, ours), true);
    assert.equal(verify(message, theirs, allowed).principal, PRINCIPAL);
    assert.equal(await holds(Buffer.concat([message, Buffer.of(10)]), ours), false);
    assert.equal(await holds(message, ours, "allowed", "file"), false);
  }
});

const KEYS: readonly (readonly [name: string, passphrase: string, args: readonly string[]])[] = [
  ["plain", "", []],
  ["locked", PASSPHRASE, ["-a", "3"]],
  ["locked with aes256-cbc", PASSPHRASE, ["-a", "1", "-Z", "aes256-cbc"]],
  ["locked with aes128-ctr", PASSPHRASE, ["-a", "1", "-Z", "aes128-ctr"]],
  ["locked with aes192-ctr", PASSPHRASE, ["-a", "1", "-Z", "aes192-ctr"]],
];

for (const [name, passphrase, args] of KEYS) {
  test(`we sign with a key of ssh-keygen: ${name}`, async () => {
    await makeKey(name, passphrase, "-t", "ed25519", ...args);
    const asked: string[] = [];
    const key = await readSigningKey(await keyFile(name), async (what) => {
      asked.push(what);
      return passphrase;
    });
    assert.deepEqual(asked, passphrase === "" ? [] : [`the key "${name}"`]);
    await writeFile(
      folder.file(`${name}.allowed`),
      encodeAllowedSigner(PRINCIPAL, NAMESPACE, key.publicKey),
    );
    assert.equal(await holds(MESSAGES[2]!, sign(MESSAGES[2]!, key), `${name}.allowed`), true);
    if (passphrase === "") return;
    await assert.rejects(
      readSigningKey(await keyFile(name), async () => "wrong"),
      {
        code: "signing-key-unusable",
        message: `cannot use "${name}": the passphrase does not open it`,
      },
    );
    await assert.rejects(
      readSigningKey(await keyFile(name), async () => ""),
      {
        code: "signing-key-unusable",
      },
    );
  });
}

test("keys that cannot sign here are refused with a reason", async () => {
  const message = async (...args: readonly string[]): Promise<string> => {
    const name = args.join("");
    await makeKey(name, args.includes("-Z") ? PASSPHRASE : "", ...args);
    const reading = readSigningKey(await keyFile(name), async () => PASSPHRASE);
    const error = (await reading.catch((it: unknown) => it)) as Error;
    assert.equal((error as { code?: ErrorCode }).code, "signing-key-unusable");
    return error.message;
  };
  assert.match(await message("-t", "rsa", "-b", "2048"), /it is RSA, wanted is Ed25519$/);
  assert.match(await message("-t", "ecdsa"), /a key of another type than ssh-ed25519 and ssh-rsa/);
  assert.match(
    await message("-t", "ed25519", "-Z", "chacha20-poly1305@openssh.com"),
    /encrypted with chacha20-poly1305@openssh.com/,
  );
  assert.match(await message("-t", "rsa", "-b", "2048", "-m", "PEM"), /its base64 cannot be read/);
});

test("what ssh-keygen signs in another way is refused", async () => {
  const allowed = parseAllowedSigners(await keyFile("allowed"));
  await makeKey("rsa", "", "-t", "rsa", "-b", "2048");
  const [message] = MESSAGES as [Buffer];
  for (const [text, reason] of [
    [await signBy("ours", message, "-O", "hashalg=sha256"), /not over SHA-512/],
    [await signBy("rsa", message), /not Ed25519/],
    [(await signBy("ours", message)).replace("\n-----END", "\r\n-----END"), /canonical/],
  ] as const)
    assert.throws(() => verify(message, text, allowed), {
      code: "signature-invalid",
      message: reason,
    });
});

const SIGNERS: readonly (readonly [line: (key: string) => string, allowed: boolean])[] = [
  [(key) => `${PRINCIPAL} ${key}`, true],
  [(key) => `${PRINCIPAL} ${key} a comment`, true],
  [(key) => `"${PRINCIPAL}" namespaces="git,holdfast" ${key}`, true],
  [(key) => `${PRINCIPAL} NAMESPACES="hold*" ${key}`, true],
  [(key) => `${PRINCIPAL} namespaces="h?ldfast" ${key}`, true],
  [(key) => `${PRINCIPAL} namespaces="git" ${key}`, false],
  [(key) => `${PRINCIPAL} namespaces="*,!holdfast" ${key}`, false],
  [(key) => `${PRINCIPAL} namespaces="holdfas" ${key}`, false],
];

test("ssh-keygen and we read files of allowed signers alike", async () => {
  const key = await readSigningKey(await keyFile("ours"), refuse);
  const [message] = MESSAGES as [Buffer];
  const text = sign(message, key);
  const line = made.publicKey.split(" ").slice(0, 2).join(" ");
  for (const [make, wanted] of SIGNERS) {
    await writeFile(folder.file("some"), `# a note\n\n${make(line)}\n`);
    const verified = async (): Promise<boolean> => {
      try {
        return (
          verify(message, text, parseAllowedSigners(await keyFile("some"))).principal === PRINCIPAL
        );
      } catch {
        return false;
      }
    };
    assert.deepEqual(
      [await holds(message, text, "some"), await verified()],
      [wanted, wanted],
      make(""),
    );
  }
});
