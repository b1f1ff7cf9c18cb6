import assert from "node:assert/strict";
import { test } from "node:test";
import { dyingStore } from "../../test/support/dying-store.ts";
import {
  addRealBackup,
  ALICE,
  allKeys,
  CLUSTER,
  fails,
  prove,
  requireConsistent,
  scratchRepository,
  trusting,
  waiting,
} from "../../test/support/repository.ts";
import { HoldfastError } from "../errors.ts";
import { silentLog } from "../io/log.ts";
import { generateIdentity } from "../seal/identity.ts";
import { parseIdentities, type Identities } from "../seal/identities.ts";
import { parseRecipients, type Recipients } from "../seal/recipients.ts";
import { listBackups, loadBackup } from "./catalog.ts";
import { listPins, pinBackup } from "./pins.ts";
import { finishRekeys, rekeyBackup, type RekeyOptions } from "./rekey.ts";
import type { Repository } from "./repository.ts";
import { verifyBackup } from "./verify.ts";

interface Person {
  readonly recipients: Recipients;
  readonly identities: Identities;
}

const bytes = (text: string) => new TextEncoder().encode(text);

async function person(): Promise<Person> {
  const { identity, recipient } = await generateIdentity();
  return {
    recipients: await parseRecipients({ name: "recipients", content: bytes(recipient) }),
    identities: await parseIdentities([{ name: "identity", content: bytes(identity) }], () =>
      Promise.reject(new HoldfastError("usage", "no passphrase")),
    ),
  };
}

const OLD = await person();
const NEW = await person();
const trust = trusting(ALICE);
const options: RekeyOptions & { trust: typeof trust } = {
  ...waiting,
  trust,
  identities: OLD.identities,
  recipients: NEW.recipients,
  sign: ALICE.sign,
  tool: "test",
  log: silentLog,
  progress: () => {},
};

/** As the command does it, for all backups. */
async function rekeyAll(repository: Repository, more: Partial<RekeyOptions> = {}): Promise<void> {
  const listing = await listBackups(repository, CLUSTER, waiting);
  const how = { ...options, ...more };
  const finished = await finishRekeys(repository, listing, listing.backups, how);
  const done = new Set(finished.map(({ old }) => old));
  for (const name of listing.backups.toReversed().filter(({ id }) => !done.has(id)))
    await rekeyBackup(repository, await loadBackup(repository, name, waiting), how);
}

/** Whether somebody can read a backup to its last key. */
async function opens(repository: Repository, { identities }: Person): Promise<boolean[]> {
  const { backups } = await listBackups(repository, CLUSTER, waiting);
  return Promise.all(
    backups.map(async (name) => {
      const backup = await loadBackup(repository, name, waiting);
      const { isProven } = await verifyBackup(
        repository,
        { name, backup, signer: undefined, problem: undefined },
        {
          ...waiting,
          depth: "contents",
          identities,
          sign: undefined,
          tool: "test",
          progress: () => {},
        },
      );
      return isProven;
    }),
  );
}

test("a backup is sealed to others, in the place of the old one, pin included", async () => {
  await using repository = await scratchRepository();
  const made = await addRealBackup(repository, { recipients: OLD.recipients, report: "{}" });
  const { backups } = await listBackups(repository, CLUSTER, waiting);
  const old = await loadBackup(repository, backups[0]!, waiting);
  await pinBackup(repository, old, { ...waiting, sign: ALICE.sign, tool: "test" });
  await prove(repository, made, "contents");
  const { manifest, isRemoved } = await rekeyBackup(repository, old, options);
  assert.equal(isRemoved, true);
  const { replaces, lineage, revision, time, previous, source, members, hashKV } = manifest;
  assert.deepEqual(
    { replaces, lineage, revision, time, previous, source, members, hashKV },
    {
      replaces: made.name.id,
      lineage: made.manifest.lineage,
      revision: made.manifest.revision,
      time: made.manifest.time,
      previous: made.manifest.previous,
      source: made.manifest.source,
      members: made.manifest.members,
      hashKV: made.manifest.hashKV,
    },
  );
  assert.deepEqual([await opens(repository, NEW), await opens(repository, OLD)], [[true], [false]]);
  assert.deepEqual([...(await listPins(repository, CLUSTER, waiting))], [manifest.id]);
  const keys = await allKeys(repository);
  assert.deepEqual(
    keys.filter((key) => key.includes(made.name.random)),
    [],
  );
  await requireConsistent(repository);
});

test("whoever is killed at any call loses nothing, and the next run ends it", async () => {
  for (let lastCall = 1, isOver = false; !isOver; lastCall++) {
    for (const isDone of [false, true]) {
      await using repository = await scratchRepository();
      await addRealBackup(repository, { recipients: OLD.recipients });
      const { backups } = await listBackups(repository, CLUSTER, waiting);
      const old = await loadBackup(repository, backups[0]!, waiting);
      await pinBackup(repository, old, { ...waiting, sign: ALICE.sign, tool: "test" });
      const dying = dyingStore(repository.store, lastCall, isDone);
      await rekeyAll({ ...repository, store: dying.store }).catch(() => {});
      isOver = !dying.isDead;
      const where = `call ${lastCall}, ${isDone ? "done" : "not done"}`;
      await requireConsistent(repository);
      const both = { ...OLD.identities, age: [...OLD.identities.age, ...NEW.identities.age] };
      const readable = await opens(repository, { ...OLD, identities: both });
      assert.ok(readable.length > 0 && readable.every(Boolean), where);
      const pins = await listPins(repository, CLUSTER, waiting);
      const there = (await listBackups(repository, CLUSTER, waiting)).backups;
      assert.ok(
        there.some(({ id }) => pins.has(id)),
        `no pin, ${where}`,
      );

      await rekeyAll(repository, { identities: both });
      assert.deepEqual(await opens(repository, NEW), [true], where);
      const [left] = (await listBackups(repository, CLUSTER, waiting)).backups;
      assert.deepEqual([...(await listPins(repository, CLUSTER, waiting))], [left!.id], where);
    }
  }
});

test("without the identity, and of a damaged one, nothing is replaced", async () => {
  await using repository = await scratchRepository();
  await addRealBackup(repository, { recipients: OLD.recipients });
  const { backups } = await listBackups(repository, CLUSTER, waiting);
  const old = await loadBackup(repository, backups[0]!, waiting);
  const before = await allKeys(repository);
  const stranger = rekeyBackup(repository, old, { ...options, identities: NEW.identities });
  await assert.rejects(stranger, fails("no-identity-matches", /./));
  assert.deepEqual(await allKeys(repository), before);
  assert.deepEqual(await opens(repository, OLD), [true]);
});

test("a backup that holds another snapshot than its manifest says is not sealed anew", async () => {
  await using repository = await scratchRepository();
  const made = await addRealBackup(repository, {
    recipients: OLD.recipients,
    more: { statusHash: 1 },
  });
  const before = await allKeys(repository);
  const { backups } = await listBackups(repository, CLUSTER, waiting);
  const old = await loadBackup(repository, backups[0]!, waiting);
  await assert.rejects(
    rekeyBackup(repository, old, options),
    fails(
      "backup-damaged",
      new RegExp(`${made.name.id} is another than its manifest says: its HASH`),
    ),
  );
  assert.deepEqual(await allKeys(repository), before);
});

test("what this version does not know is not lost", async () => {
  await using repository = await scratchRepository();
  const made = await addRealBackup(repository, {
    recipients: OLD.recipients,
    more: {},
  });
  const backup = { ...made, name: undefined as never };
  const strange = {
    role: "companion",
    key: `${CLUSTER}/companions/x`,
    size: 1,
    sha256: "0".repeat(64),
  };
  const manifest = { ...made.manifest, objects: [...made.manifest.objects, strange] };
  await assert.rejects(
    rekeyBackup(repository, { ...backup, manifest }, options),
    fails("format-newer", /"companion"/),
  );
});
