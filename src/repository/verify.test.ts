import assert from "node:assert/strict";
import { copyFile, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { HoldfastError } from "../errors.ts";
import { generateIdentity } from "../seal/identity.ts";
import { parseIdentities, type Identities } from "../seal/identities.ts";
import { parseRecipients, type Recipients } from "../seal/recipients.ts";
import { StoreFailure } from "../store/failure.ts";
import { kubernetesSnapshot } from "../../test/support/small-snapshot.ts";
import {
  addBackup,
  addRealBackup,
  ALICE,
  CLUSTER,
  collect,
  listed,
  MALLORY,
  putBytes,
  scratchRepository,
  sha256,
  trusting,
  waiting,
  type MadeBackup,
} from "../../test/support/repository.ts";
import { listBackups, loadBackups } from "./catalog.ts";
import { readContents } from "./contents.ts";
import { lastProven, listEvidence, type Depth } from "./evidence.ts";
import { manifestKey, signatureKey } from "./layout.ts";
import { objectOf } from "./manifest.ts";
import type { Repository } from "./repository.ts";
import { verifyBackup, type Verdict } from "./verify.ts";

interface Keys {
  readonly recipients: Recipients;
  readonly identities: Identities;
}

const noPassphrase = () => Promise.reject(new Error("nobody to ask"));

async function keys(): Promise<Keys> {
  const { identity, recipient } = await generateIdentity();
  const file = (text: string) => ({ name: "file", content: new TextEncoder().encode(text) });
  return {
    recipients: await parseRecipients(file(recipient)),
    identities: await parseIdentities([file(identity)], noPassphrase),
  };
}

const OURS = await keys();
const OTHERS = await keys();

interface How {
  readonly depth?: Depth;
  readonly identities?: Identities | undefined;
  readonly sign?: typeof ALICE.sign | undefined;
}

async function verify(
  repository: Repository,
  { depth = "contents", identities = OURS.identities, sign }: How = {},
): Promise<Verdict[]> {
  const { backups } = await listBackups(repository, CLUSTER, waiting);
  const trust = trusting(ALICE);
  const verdicts: Verdict[] = [];
  for await (const loaded of loadBackups(repository, backups, { ...waiting, trust })) {
    const options = { ...waiting, depth, identities, sign, tool: "test", progress: () => {} };
    verdicts.push(await verifyBackup(repository, loaded, options));
  }
  return verdicts;
}

const codes = (verdicts: readonly Verdict[]) =>
  verdicts.map(({ faults }) => faults.map(({ code }) => code));

const DEPTHS = ["listed", "stored", "contents"] as const;

test("a good backup is proven to every depth, its report too", async () => {
  await using repository = await scratchRepository();
  const made = await addRealBackup(repository, {
    recipients: OURS.recipients,
    report: '{"namespaces": ["shop"]}',
  });
  const stored = made.manifest.objects.reduce((sum, { size }) => sum + size, 0);
  for (const [depth, bytesRead] of [
    ["listed", 0],
    ["stored", stored],
    ["contents", stored],
  ] as const) {
    const [verdict] = await verify(repository, { depth });
    assert.deepEqual(
      { ...verdict, durationMs: 0 },
      {
        id: made.name.id,
        depth,
        isProven: true,
        faults: [],
        bytesRead,
        durationMs: 0,
        evidence: undefined,
      },
    );
  }
});

test("what is not sealed needs no identity, and comes out as it went in", async () => {
  await using repository = await scratchRepository();
  const made = await addRealBackup(repository);
  assert.deepEqual(codes(await verify(repository, { identities: undefined })), [[]]);
  const plain = await collect(
    readContents(repository, made.manifest, { ...waiting, identities: undefined }),
  );
  assert.deepEqual(Buffer.concat(plain), Buffer.from(kubernetesSnapshot()));
});

type Damage = (
  repository: Repository & { file(key: string): string },
  made: MadeBackup,
) => Promise<unknown>;
const at = (made: MadeBackup) => objectOf(made.manifest, "snapshot").key;

/** What is done to the store, and what is found at each depth. */
const DAMAGES: [
  what: string,
  damage: Damage,
  listed: string[],
  stored: string[],
  contents: string[],
][] = [
  [
    "a snapshot that is gone",
    async (repository, made) => rm(repository.file(at(made))),
    ["object-missing"],
    ["object-missing"],
    ["object-missing"],
  ],
  [
    "a snapshot that is cut short",
    async (repository, made) => truncate(repository.file(at(made)), made.data.length - 1),
    ["backup-damaged"],
    ["backup-damaged"],
    ["backup-damaged"],
  ],
  [
    "a flipped bit in the middle",
    async (repository, made) =>
      writeFile(repository.file(at(made)), flipped(made.data, made.data.length >> 1)),
    [],
    ["backup-damaged"],
    ["backup-damaged"],
  ],
  [
    "a report that is another",
    async (repository, made) => {
      const { key, size } = objectOf(made.manifest, "report")!;
      return writeFile(repository.file(key), Buffer.alloc(size, 1));
    },
    [],
    ["backup-damaged"],
    ["backup-damaged", "sealed-damaged"],
  ],
  [
    "a manifest without its signature",
    async (repository, made) => rm(repository.file(signatureKey(manifestKey(made.name)))),
    ["signature-missing"],
    ["signature-missing"],
    ["signature-missing"],
  ],
  [
    "a manifest that was changed",
    async (repository, made) => {
      const text = Buffer.from(made.bytes)
        .toString()
        .replace(/"liveKeys": \d+/, '"liveKeys": 99');
      return writeFile(repository.file(manifestKey(made.name)), text);
    },
    ["signature-invalid"],
    ["signature-invalid"],
    ["signature-invalid"],
  ],
  [
    "a signature of somebody else",
    async (repository, made) =>
      writeFile(repository.file(signatureKey(manifestKey(made.name))), MALLORY.sign(made.bytes)),
    ["signer-unknown"],
    ["signer-unknown"],
    ["signer-unknown"],
  ],
  [
    "a signature with a line too many",
    async (repository, made) =>
      writeFile(
        repository.file(signatureKey(manifestKey(made.name))),
        `${Buffer.from(made.signature!).toString()}\n`,
      ),
    ["signature-invalid"],
    ["signature-invalid"],
    ["signature-invalid"],
  ],
];

function flipped(bytes: Uint8Array, byte: number, bit = 0): Buffer {
  const copy = Buffer.from(bytes);
  copy[byte]! ^= 1 << bit;
  return copy;
}

for (const [what, damage, ...wanted] of DAMAGES)
  test(`verify names ${what}`, async () => {
    await using repository = await scratchRepository();
    const made = await addRealBackup(repository, { recipients: OURS.recipients, report: "{}" });
    await damage(repository, made);
    for (const [i, depth] of DEPTHS.entries())
      assert.deepEqual(codes(await verify(repository, { depth })), [wanted[i]], depth);
  });

test("any flipped bit of a stored snapshot, its manifest or its signature is found", async () => {
  await using repository = await scratchRepository();
  const made = await addRealBackup(repository, { recipients: OURS.recipients });
  const files: [string, Uint8Array][] = [
    [at(made), made.data],
    [manifestKey(made.name), made.bytes],
    [signatureKey(manifestKey(made.name)), made.signature!],
  ];
  const place = fc.tuple(fc.constantFrom(...files), fc.nat(), fc.nat(7));
  await fc.assert(
    fc.asyncProperty(place, async ([[key, bytes], byte, bit]) => {
      await writeFile(repository.file(key), flipped(bytes, byte % bytes.length, bit));
      for (const depth of ["stored", "contents"] as const)
        assert.ok((await verify(repository, { depth })).every(({ isProven }) => !isProven));
      await writeFile(repository.file(key), bytes);
    }),
    { numRuns: 40 },
  );
  assert.ok((await verify(repository)).every(({ isProven }) => isProven));
});

test("an object in the place of another valid one is found, with all depths but the first", async () => {
  await using repository = await scratchRepository();
  const first = await addRealBackup(repository, { recipients: OURS.recipients });
  const second = await addRealBackup(repository, { recipients: OURS.recipients, lineage: 2 });
  await copyFile(repository.file(at(first)), repository.file(at(second)));
  for (const depth of ["stored", "contents"] as const)
    assert.deepEqual(codes(await verify(repository, { depth })), [["backup-damaged"], []]);
});

test("an old manifest under a new name, and a forged one with a gigantic revision, are found", async () => {
  await using repository = await scratchRepository();
  const old = await addRealBackup(repository, { recipients: OURS.recipients });
  const renamed = { ...old.name, id: old.name.id.replace("-l1-", "-l5-"), lineage: 5 };
  for (const key of [manifestKey(old.name), signatureKey(manifestKey(old.name))])
    await copyFile(repository.file(key), repository.file(key.replace(old.name.id, renamed.id)));
  const forged = await addBackup(repository, {
    revision: (1n << 63n) - 1n,
    lineage: 999_999_999,
    signedBy: MALLORY,
    data: old.data,
    more: { sealing: old.manifest.sealing, snapshot: old.manifest.snapshot },
  });
  const verdicts = await verify(repository);
  assert.deepEqual(codes(verdicts), [["signer-unknown"], ["document-invalid"], []]);
  assert.equal(verdicts[0]!.id, forged.name.id);
});

test("contents that are another snapshot than the signed manifest says are found", async () => {
  await using repository = await scratchRepository();
  const facts = {
    statusHash: 1,
    hashKV: { hash: 1, revision: "8", compactRevision: "-1", isConfirmed: true },
  };
  for (const [field, value] of Object.entries({ ...facts, compactedRevision: "3", txid: "99" }))
    await addRealBackup(repository, { more: { [field]: value } });
  const found = (await verify(repository)).flatMap(({ faults }) =>
    faults.map(({ message }) => /its ([\w ]+) is/.exec(message)?.[1]),
  );
  assert.deepEqual(found.toSorted(), ["HASH", "HashKV", "compacted revision"]);
});

test("a damaged snapshot that was published as good is found by its contents", async () => {
  await using repository = await scratchRepository();
  const snapshot = flipped(kubernetesSnapshot(), kubernetesSnapshot().length - 1);
  await addRealBackup(repository, { snapshot, more: { findings: [] } });
  await addRealBackup(repository, { snapshot, lineage: 2 });
  const verdicts = await verify(repository);
  assert.deepEqual(
    codes(verdicts),
    [[], ["snapshot-damaged"]],
    "the one that says so holds what it says",
  );
  assert.deepEqual(codes(await verify(repository, { depth: "stored" })), [[], []]);
});

test("a bomb is not unpacked beyond what the manifest says", async () => {
  await using repository = await scratchRepository();
  const data = zstdCompressSync(Buffer.alloc(64 << 20));
  await addBackup(repository, {
    data,
    more: { snapshot: { size: 8224, sha256: "0".repeat(64), trailer: "verified" } },
  });
  const [verdict] = await verify(repository);
  assert.deepEqual(codes([verdict!]), [["packed-damaged"]]);
  assert.match(verdict!.faults[0]!.message, /more than 8224 bytes/);
});

test("an identity that does not fit proves nothing and says nothing against the backup", async () => {
  await using repository = await scratchRepository();
  const made = await addRealBackup(repository, { recipients: OURS.recipients });
  const [verdict] = await verify(repository, { identities: OTHERS.identities, sign: ALICE.sign });
  assert.deepEqual(codes([verdict!]), [["no-identity-matches"]]);
  assert.equal(verdict!.evidence, undefined);
  await assert.rejects(
    collect(readContents(repository, made.manifest, { ...waiting, identities: undefined })),
    (error) => error instanceof HoldfastError && error.code === "identity-unusable",
  );
});

test("a header of which a letter is another is damage, also where it looks like somebody else's", async () => {
  await using repository = await scratchRepository();
  const { manifest } = await addRealBackup(repository, { recipients: OURS.recipients });
  const path = repository.file(objectOf(manifest, "snapshot")!.key);
  const bytes = await readFile(path);
  const letter = bytes.indexOf("X25519") + 20;
  bytes[letter] = bytes[letter] === 0x41 ? 0x42 : 0x41; // still base64
  await writeFile(path, bytes);
  const [verdict] = await verify(repository, { identities: OURS.identities });
  assert.deepEqual(codes([verdict!]), [["backup-damaged"]]);
  await assert.rejects(
    collect(readContents(repository, manifest, { ...waiting, identities: OURS.identities })),
    (error) =>
      error instanceof HoldfastError &&
      error.code === "no-identity-matches" &&
      error.hint!.includes(`verify ${manifest.id}`),
  );
});

test("what was proven is recorded with a signing key, and so is damage", async () => {
  await using repository = await scratchRepository();
  const made = await addRealBackup(repository, { recipients: OURS.recipients });
  const proven = async (by = ALICE) => {
    const evidence = await listEvidence(repository, CLUSTER, waiting);
    const trust = trusting(by);
    return (
      await lastProven(repository, made, evidence.get(made.name.id) ?? [], { ...waiting, trust })
    )?.depth;
  };
  assert.equal(await proven(), undefined);
  const [stored] = await verify(repository, { depth: "stored", sign: ALICE.sign });
  assert.match(
    stored!.evidence!,
    new RegExp(`^prod/evidence/${made.name.id}/stored-\\d{8}T\\d{6}Z-[0-9a-f]{16}\\.json$`),
  );
  assert.equal(await proven(), "stored");
  assert.equal(await proven(MALLORY), undefined);
  await verify(repository, { sign: ALICE.sign });
  assert.equal(await proven(), "contents");
  await verify(repository, { depth: "listed", sign: ALICE.sign });
  assert.equal(await proven(), "contents", "the deepest counts");
  await writeFile(repository.file(at(made)), flipped(made.data, 99));
  const [failed] = await verify(repository, { depth: "stored", sign: ALICE.sign });
  const record = JSON.parse(await readFile(repository.file(failed!.evidence!), "utf8"));
  assert.deepEqual(
    [record.outcome, record.depth, record.findings[0].code],
    ["failed", "stored", "backup-damaged"],
  );
});

test("evidence that was moved, changed, or comes from another repository does not count", async () => {
  await using repository = await scratchRepository();
  await using other = await scratchRepository();
  const made = await addRealBackup(repository);
  await verify(repository, { sign: ALICE.sign });
  const [record] = (await listEvidence(repository, CLUSTER, waiting)).get(made.name.id)!;
  const depthIn = async (where: Repository, sha = made.sha256) => {
    const all = (await listEvidence(where, CLUSTER, waiting)).get(made.name.id) ?? [];
    return (await lastProven(where, { sha256: sha }, all, { ...waiting, trust: trusting(ALICE) }))
      ?.depth;
  };
  assert.equal(await depthIn(repository), "contents");
  assert.equal(await depthIn(repository, sha256(Buffer.from("x"))), undefined);
  for (const { key } of [record!.document, record!.signature!])
    await putBytes(other, key, await readFile(repository.file(key)));
  assert.equal(await depthIn(other), undefined);
  const better = record!.key.replace("contents-", "stored-");
  for (const suffix of ["", ".sig"])
    await copyFile(repository.file(record!.key + suffix), repository.file(better + suffix));
  await rm(repository.file(record!.key));
  assert.equal(await depthIn(repository), undefined);
});

test("a store that does not answer is no damage", async () => {
  await using repository = await scratchRepository();
  const made = await addRealBackup(repository);
  const broken: Repository = {
    ...repository,
    store: {
      ...repository.store,
      get: (key, options) => {
        if (key === at(made))
          throw new StoreFailure("store-unreachable", "gone", { transient: true });
        return repository.store.get(key, options);
      },
    },
  };
  await assert.rejects(verify(broken), /gone/);
});

test("verifying stops when it is aborted", async () => {
  await using repository = await scratchRepository();
  const made = await addRealBackup(repository);
  const name = await listed(repository, made.name.id);
  const [loaded] = await collect(loadBackups(repository, [name], waiting));
  const reason = new Error("enough");
  const options = { identities: undefined, sign: undefined, tool: "test", progress: () => {} };
  for (const depth of DEPTHS)
    await assert.rejects(
      verifyBackup(repository, loaded!, { ...options, depth, signal: AbortSignal.abort(reason) }),
      reason,
    );
});
