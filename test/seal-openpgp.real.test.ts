/** What we seal, gpg opens; what gpg seals, we open. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { parseIdentities } from "../src/seal/identities.ts";
import { openSealed } from "../src/seal/open-sealed.ts";
import { parseRecipients } from "../src/seal/recipients.ts";
import { open, seal } from "../src/seal/seal.ts";
import { openGpg, type Gpg } from "./support/gpg.ts";
import { collect, inPieces, ranges } from "./support/pieces.ts";
import { random } from "./support/random.ts";
import { scratch, type Scratch } from "./support/scratch.ts";

const KIB = 1 << 10;
const SIZES = [0, 1, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 2000 * KIB];
const PASSPHRASE = "not a secret";
const signal = new AbortController().signal;
const checked = { signal, digestChecked: true } as const;
const NOISE = Buffer.from(random(4).bytes(2000 * KIB));

let folder: Scratch;
let gpg: Gpg;

const USERS = ["curve@example.org", "rsa@example.org", "locked@example.org"] as const;

before(async () => {
  folder = await scratch();
  gpg = await openGpg(folder.file("gpg"), PASSPHRASE);
  const [curve, rsa, locked] = USERS;
  await makeKey(curve, "", "ed25519", "cv25519");
  await makeKey(rsa, "", "rsa2048", "rsa2048");
  await makeKey(locked, PASSPHRASE, "ed25519", "cv25519");
});

after(async () => {
  await gpg[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

async function makeKey(user: string, passphrase: string, main: string, sub: string): Promise<void> {
  const words = ["--passphrase", passphrase];
  await gpg.run([...words, "--quick-generate-key", user, main, "sign,cert", "never"]);
  const listed = `${await gpg.run(["--list-keys", "--with-colons", user])}`;
  const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(listed)![1]!;
  await gpg.run([...words, "--quick-add-key", fingerprint, sub, "encr", "never"]);
}

const keyFile = (content: Uint8Array, name = "keys") => ({ name, content });

async function publicKeys(users: readonly string[], ...args: readonly string[]): Promise<Buffer> {
  return gpg.run([...args, "--export", ...users]);
}

async function identities(user: string, ...args: readonly string[]) {
  const words = ["--passphrase", user.startsWith("locked") ? PASSPHRASE : ""];
  const content = await gpg.run([...words, ...args, "--export-secret-keys", user]);
  return parseIdentities([keyFile(content)], async () => PASSPHRASE);
}

for (const [name, args] of [
  ["armored", ["--armor"]],
  ["binary", []],
] as const) {
  test(`gpg opens what we seal: ${name} keys`, async () => {
    const to = await parseRecipients(keyFile(await publicKeys(USERS, ...args)));
    assert.equal(to.suffix, ".gpg");
    assert.deepEqual(
      to.fingerprints.toSorted(),
      (await fingerprints()).map((one) => `openpgp:${one}`).toSorted(),
    );
    for (const size of SIZES) {
      const plain = NOISE.subarray(0, size);
      const sealed = await collect(seal(inPieces(plain), to, { signal }));
      const opened = await gpg.run(["--decrypt"], sealed);
      assert.ok(opened.equals(plain), `${size} bytes`);
    }
  });

  test(`we open what gpg seals: ${name} keys`, async () => {
    for (const user of USERS) {
      const chosen = await identities(user, ...args);
      for (const size of user === USERS[0] ? SIZES : [70_000]) {
        const plain = NOISE.subarray(0, size);
        const sealed = await gpg.run(["--encrypt", "--recipient", user], plain);
        const opened = await collect(open(inPieces(sealed, 4099), chosen, checked));
        assert.ok(opened.equals(plain), `${user}, ${size} bytes`);
      }
    }
  });
}

async function fingerprints(): Promise<string[]> {
  const listed = `${await gpg.run(["--list-keys", "--with-colons"])}`;
  return [...listed.matchAll(/^pub:[^\n]*\nfpr:+([0-9A-F]{40}):/gm)].map((match) => match[1]!);
}

test("several armored blocks in one file are all recipients", async () => {
  const blocks = await Promise.all(USERS.map((user) => publicKeys([user], "--armor")));
  const to = await parseRecipients(keyFile(Buffer.concat([Buffer.from("a note\n\n"), ...blocks])));
  assert.equal(to.fingerprints.length, USERS.length);
});

test("what gpg compresses and hides the recipients of is opened too", async () => {
  const plain = Buffer.alloc(3 << 20, "holdfast ");
  for (const args of [
    ["--compress-algo", "zlib"],
    ["--hidden-recipient", USERS[1]],
  ]) {
    const to = args[0] === "--hidden-recipient" ? [] : ["--recipient", USERS[1]];
    const sealed = await gpg.run(["--encrypt", ...args, ...to], plain);
    const opened = await collect(open(inPieces(sealed), await identities(USERS[1]), checked));
    assert.ok(opened.equals(plain), args[0]!);
  }
});

test("nothing is opened before its digest was compared, and nothing is read at random", async () => {
  const sealed = await gpg.run(["--encrypt", "--recipient", USERS[0]], NOISE);
  const chosen = await identities(USERS[0]);
  await assert.rejects(collect(open(inPieces(sealed), chosen, { signal })), {
    code: "sealed-damaged",
    message: /only when its digest has been compared before/,
  });
  await assert.rejects(openSealed(ranges(sealed).readAt, sealed.length, chosen), {
    code: "no-random-access",
  });
});

test("a stranger's key, a wrong passphrase and secret keys among the recipients are told apart", async () => {
  const sealed = await gpg.run(["--encrypt", "--recipient", USERS[2]], NOISE);
  await assert.rejects(collect(open(inPieces(sealed), await identities(USERS[0]), checked)), {
    code: "no-identity-matches",
    message: "no given OpenPGP key opens what is sealed to 1 recipients",
  });
  const content = await gpg.run(["--export-secret-keys", USERS[2]]);
  const wrong = await parseIdentities([keyFile(content)], async () => "wrong words");
  await assert.rejects(collect(open(inPieces(sealed), wrong, checked)), (error: Error) => {
    assert.match(error.message, /^the passphrase does not open the OpenPGP key [0-9A-F]{40}$/);
    return !JSON.stringify(error).includes("wrong words");
  });
  for (const armor of [[], ["--armor"]]) {
    const secret = await gpg.run([...armor, "--export-secret-keys", USERS[2]]);
    await assert.rejects(parseRecipients(keyFile(secret)), {
      code: "recipients-unusable",
      message: /holds a private key/,
    });
  }
});

test("a key that has expired is no recipient", async () => {
  const user = "old@example.org";
  const before2020 = ["--faked-system-time", "20200101T000000"];
  const words = ["--passphrase", ""];
  await gpg.run([...before2020, ...words, "--quick-generate-key", user, "rsa2048", "encr", "1y"]);
  await assert.rejects(parseRecipients(keyFile(await publicKeys([user]))), {
    code: "recipients-unusable",
    message: /nothing can be sealed to [0-9A-F]{40}: .*expired/,
  });
});
