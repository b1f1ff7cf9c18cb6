/** What we seal, stock age and gpg open; what they seal, we open. All keys are made by stock tools. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { openPacked } from "../src/pack/packed.ts";
import { pack } from "../src/pack/pack.ts";
import { generateIdentity } from "../src/seal/identity.ts";
import { parseIdentities, type Identities } from "../src/seal/identities.ts";
import { openSealed } from "../src/seal/open-sealed.ts";
import { parseRecipients, passphraseRecipients, type Recipients } from "../src/seal/recipients.ts";
import { open, seal } from "../src/seal/seal.ts";
import { collect, inPieces, ranges } from "./support/pieces.ts";
import { random } from "./support/random.ts";
import { scratch, type Scratch } from "./support/scratch.ts";
import { stock, stockOutput } from "./support/stock.ts";

const KIB = 1 << 10;
const MIB = 1 << 20;
const SIZES = [0, 1, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 3 * MIB + 7];
const PASSPHRASE = "correct horse battery staple";
const signal = new AbortController().signal;
const NOISE = Buffer.from(random(3).bytes(3 * MIB + 7));

let folder: Scratch;

const keyFile = async (name: string) => ({ name, content: await readFile(folder.file(name)) });
const ask = async (): Promise<string> => PASSPHRASE;

async function recipientsOf(...names: readonly string[]): Promise<Recipients> {
  const parts = await Promise.all(names.map((name) => readFile(folder.file(name), "utf8")));
  return parseRecipients({ name: names.join("+"), content: Buffer.from(parts.join("\n")) });
}

async function identitiesOf(...names: readonly string[]): Promise<Identities> {
  return parseIdentities(await Promise.all(names.map(keyFile)), ask);
}

before(async () => {
  folder = await scratch();
  await Promise.all([
    makeAgeKey("x25519"),
    makeAgeKey("other"),
    makeAgeKey("pq", "-pq"),
    makeSshKey("ed25519", "", "ed25519"),
    makeSshKey("rsa", "", "rsa", "-b", "2048"),
    makeSshKey("locked-ed25519", PASSPHRASE, "ed25519", "-a", "4"),
    makeSshKey("locked-rsa", PASSPHRASE, "rsa", "-a", "2", "-Z", "aes128-cbc"),
  ]);
  await makeLockedIdentity();
});

after(() => folder[Symbol.asyncDispose]());

async function makeAgeKey(name: string, ...args: readonly string[]): Promise<void> {
  await stockOutput("age-keygen", [...args, "-o", folder.file(name)]);
  await writeFile(
    folder.file(`${name}.pub`),
    await stockOutput("age-keygen", ["-y", folder.file(name)]),
  );
}

async function makeSshKey(
  name: string,
  passphrase: string,
  type: string,
  ...args: readonly string[]
): Promise<void> {
  const file = folder.file(name);
  await stockOutput("ssh-keygen", ["-q", "-t", type, ...args, "-N", passphrase, "-f", file]);
}

const BATCH = { AGE_PASSPHRASE: PASSPHRASE, AGE_PASSPHRASE_WORK_FACTOR: "10" };

/** The identity of `x25519`, sealed with a passphrase by stock age. */
async function makeLockedIdentity(): Promise<void> {
  for (const [name, ...armor] of [["locked-age"], ["locked-age-armored", "-a"]] as const) {
    const args = ["-e", ...armor, "-j", "batchpass", folder.file("x25519")];
    await writeFile(folder.file(name), await stockOutput("age", args, { env: BATCH }));
  }
}

interface Kind {
  readonly name: string;
  /** Files with what is sealed to. */
  readonly recipients: readonly string[];
  /** Files of which each opens it, for us. */
  readonly identities: readonly string[];
  /** The one that stock age is given. */
  readonly stockIdentity: string;
  /** The oldest age that can read it. */
  readonly oldReader: boolean;
}

const KINDS: readonly Kind[] = [
  {
    name: "X25519",
    recipients: ["x25519.pub"],
    identities: ["x25519", "locked-age", "locked-age-armored"],
    stockIdentity: "x25519",
    oldReader: true,
  },
  {
    name: "post-quantum",
    recipients: ["pq.pub"],
    identities: ["pq"],
    stockIdentity: "pq",
    oldReader: false,
  },
  {
    name: "ssh-ed25519",
    recipients: ["ed25519.pub"],
    identities: ["ed25519"],
    stockIdentity: "ed25519",
    oldReader: true,
  },
  {
    name: "ssh-rsa",
    recipients: ["rsa.pub"],
    identities: ["rsa"],
    stockIdentity: "rsa",
    oldReader: true,
  },
  {
    name: "five recipients of three kinds",
    recipients: ["other.pub", "rsa.pub", "ed25519.pub", "locked-ed25519.pub", "locked-rsa.pub"],
    identities: ["other", "rsa", "ed25519", "locked-ed25519", "locked-rsa"],
    stockIdentity: "ed25519",
    oldReader: true,
  },
];

for (const { name, recipients, identities, stockIdentity, oldReader } of KINDS) {
  test(`age opens what we seal: ${name}`, async () => {
    const to = await recipientsOf(...recipients);
    for (const size of SIZES) {
      const plain = NOISE.subarray(0, size);
      const sealed = await collect(seal(inPieces(plain), to, { signal }));
      for (const reader of oldReader ? (["age", "age-1.1"] as const) : (["age"] as const)) {
        const args = ["-d", "-i", folder.file(stockIdentity)];
        const opened = await stockOutput(reader, args, { input: sealed });
        assert.ok(opened.equals(plain), `${reader}, ${size} bytes`);
      }
      const chosen = await identitiesOf(stockIdentity);
      const back = await collect(open(inPieces(sealed, 1001), chosen, { signal }));
      assert.ok(back.equals(plain), `we, ${size} bytes`);
    }
  });

  test(`we open what age seals, streamed and at random: ${name}`, async () => {
    const to = recipients.flatMap((one) => ["-R", folder.file(one)]);
    for (const size of SIZES) {
      const plain = NOISE.subarray(0, size);
      const sealed = await stockOutput("age", ["-e", ...to], { input: plain });
      for (const identity of size === 1 ? identities : identities.slice(0, 1)) {
        const chosen = await identitiesOf(identity);
        const opened = await collect(open(inPieces(sealed), chosen, { signal }));
        assert.ok(opened.equals(plain), `${identity}, ${size} bytes`);
        const anywhere = await openSealed(ranges(sealed).readAt, sealed.length, chosen);
        assert.equal(anywhere.size, size);
        assert.ok(Buffer.from(await anywhere.readAt(0, size)).equals(plain));
      }
    }
  });
}

test("we open what the older age seals", async () => {
  const plain = NOISE.subarray(0, 200 * KIB);
  for (const { recipients, identities } of KINDS.filter(({ oldReader }) => oldReader)) {
    const to = recipients.flatMap((one) => ["-R", folder.file(one)]);
    const sealed = await stockOutput("age-1.1", ["-e", ...to], { input: plain });
    const chosen = await identitiesOf(identities[0]!);
    const opened = await collect(open(inPieces(sealed), chosen, { signal }));
    assert.ok(opened.equals(plain), recipients.join());
  }
});

test("age and we agree on passphrases, both ways", async () => {
  const plain = NOISE.subarray(0, 100 * KIB);
  const ours = await collect(seal(inPieces(plain), passphraseRecipients(PASSPHRASE), { signal }));
  const args = ["-d", "-j", "batchpass"];
  assert.ok((await stockOutput("age", args, { input: ours, env: BATCH })).equals(plain));
  const theirs = await stockOutput("age", ["-e", "-j", "batchpass"], { input: plain, env: BATCH });
  for (const sealed of [ours, theirs]) {
    const opened = await collect(open(inPieces(sealed), await identitiesOf(), { signal }));
    assert.ok(opened.equals(plain));
  }
  const wrong = await parseIdentities([], async () => "wrong");
  await assert.rejects(collect(open(inPieces(theirs), wrong, { signal })), {
    code: "identity-unusable",
    message: "the passphrase does not open it",
  });
});

test("age-inspect sees what we sealed to", async () => {
  const to = await recipientsOf("x25519.pub", "ed25519.pub");
  const sealed = await collect(seal(inPieces(NOISE.subarray(0, 5)), to, { signal }));
  const seen = JSON.parse(
    `${await stockOutput("age-inspect", ["--json", "-"], { input: sealed })}`,
  );
  assert.deepEqual(seen.stanza_types, ["X25519", "ssh-ed25519"]);
  assert.equal(seen.postquantum, "no");
});

test("age and we refuse the same: post-quantum beside others, a stranger's identity", async () => {
  const both = ["pq.pub", "x25519.pub"];
  const args = ["-e", ...both.flatMap((one) => ["-R", folder.file(one)])];
  assert.notEqual((await stock("age", args, { input: "a" })).status, 0);
  await assert.rejects(recipientsOf(...both), { code: "recipients-unusable" });
  const sealed = await collect(seal(inPieces(NOISE), await recipientsOf("x25519.pub"), { signal }));
  const opened = await stock("age", ["-d", "-i", folder.file("other")], { input: sealed });
  assert.notEqual(opened.status, 0);
  const identities = await identitiesOf("other", "ed25519", "rsa", "pq");
  await assert.rejects(collect(open(inPieces(sealed), identities, { signal })), {
    code: "no-identity-matches",
    message: "no given identity opens what is sealed to 1 recipients (X25519)",
  });
});

test("the passphrase of a key is not asked for where it would not help", async () => {
  const sealed = await collect(
    seal(inPieces(NOISE), await recipientsOf("ed25519.pub"), { signal }),
  );
  const files = await Promise.all(["locked-ed25519", "locked-rsa"].map(keyFile));
  const unasked = await parseIdentities(files, async () =>
    assert.fail("a passphrase was asked for"),
  );
  await assert.rejects(collect(open(inPieces(sealed), unasked, { signal })), {
    code: "no-identity-matches",
  });
});

test("an identity that we make is one for age", async () => {
  const { identity, recipient } = await generateIdentity();
  await writeFile(folder.file("ours"), identity);
  assert.equal(`${await stockOutput("age-keygen", ["-y", folder.file("ours")])}`, `${recipient}\n`);
  const stockText = (await readFile(folder.file("x25519"), "utf8")).split("\n");
  const shape = (lines: readonly string[]): string[] => lines.map((line) => line.slice(0, 14));
  assert.deepEqual(shape(identity.split("\n")).slice(1), shape(stockText).slice(1));
  assert.match(identity, /^# created: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n# public key: age1/);
});

test("packed and sealed: age and zstd bring it back, and so does a read in the middle", async () => {
  const plain = Buffer.concat([NOISE, Buffer.alloc(18 * MIB), NOISE]);
  const packed = pack(inPieces(plain), { signal });
  const sealed = await collect(seal(packed, await recipientsOf("x25519.pub"), { signal }));
  const opened = await stockOutput("age", ["-d", "-i", folder.file("x25519")], { input: sealed });
  assert.ok((await stockOutput("zstd", ["-d", "-c"], { input: opened })).equals(plain));
  let read = 0;
  const inner = await openSealed(
    async (offset, length) => {
      read += length;
      return ranges(sealed).readAt(offset, length);
    },
    sealed.length,
    await identitiesOf("x25519"),
  );
  const { readAt, size } = await openPacked(inner.readAt, inner.size);
  assert.equal(size, plain.length);
  read = 0;
  const middle = Buffer.from(await readAt(12 * MIB, 100));
  assert.ok(middle.equals(plain.subarray(12 * MIB, 12 * MIB + 100)));
  assert.ok(read < MIB, `${read} bytes for a frame of zeros`);
});
