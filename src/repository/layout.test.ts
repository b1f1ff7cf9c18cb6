import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HoldfastError } from "../errors.ts";
import { isKey } from "../store/key.ts";
import {
  backupName,
  dataKey,
  evidenceKey,
  isClusterName,
  manifestKey,
  OUTCOMES,
  parseBackupId,
  parseKey,
  pinKey,
  reportKey,
  requireClusterName,
  SEAL_SUFFIXES,
  signatureKey,
} from "./layout.ts";

const TIME = Date.UTC(2026, 10, 24, 7, 3, 20);
const RANDOM = "0123456789abcdef";
const ID = `20261124T070320Z-l2-r1234-${RANDOM}`;
const NAME = { id: ID, cluster: "prod", time: TIME, lineage: 2, revision: 1234n, random: RANDOM };

test("keys are as the documentation has them", () => {
  assert.deepEqual(backupName(NAME), NAME);
  assert.equal(dataKey(NAME, ".age"), `prod/backups/20261124T070320Z-${RANDOM}.db.zst.age`);
  assert.equal(manifestKey(NAME), `prod/backups/${ID}.json`);
  assert.equal(signatureKey(manifestKey(NAME)), `prod/backups/${ID}.json.sig`);
  assert.equal(reportKey(NAME, ""), `prod/reports/${RANDOM}.json.zst`);
  assert.equal(pinKey(NAME), `prod/pins/${ID}.json`);
  assert.equal(
    evidenceKey({ cluster: "prod", id: ID, outcome: "stored", time: TIME, random: RANDOM }),
    `prod/evidence/${ID}/stored-20261124T070320Z-${RANDOM}.json`,
  );
});

const cluster = fc.stringMatching(/^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/);
const name = fc
  .record({
    cluster,
    time: fc.integer({ min: 0, max: 253_402_300_799 }).map((seconds) => seconds * 1000),
    lineage: fc.integer({ min: 0, max: 999_999_999 }),
    revision: fc.bigInt({ min: 1n, max: (1n << 63n) - 1n }),
    random: fc.stringMatching(/^[0-9a-f]{16}$/),
  })
  .map(backupName);

test("every key that is built is one that stores can hold, and is read back as what it was", () => {
  const suffix = fc.constantFrom(...SEAL_SUFFIXES);
  const outcome = fc.constantFrom(...OUTCOMES);
  fc.assert(
    fc.property(name, suffix, outcome, (backup, sealed, proven) => {
      const { cluster: where, id, random, time } = backup;
      const evidence = { cluster: where, id, outcome: proven, time };
      const evidenceAt = evidenceKey({ ...evidence, random });
      const wanted = [
        [manifestKey(backup), { kind: "manifest", name: backup }],
        [signatureKey(manifestKey(backup)), { kind: "manifest-signature", name: backup }],
        [dataKey(backup, sealed), { kind: "data", cluster: where, random }],
        [reportKey(backup, sealed), { kind: "report", cluster: where, random }],
        [pinKey(backup), { kind: "pin", cluster: where, id }],
        [signatureKey(pinKey(backup)), { kind: "pin-signature", cluster: where, id }],
        [evidenceAt, { kind: "evidence", evidence: { key: evidenceAt, ...evidence } }],
        [
          signatureKey(evidenceAt),
          { kind: "evidence-signature", evidence: { key: evidenceAt, ...evidence } },
        ],
      ] as const;
      for (const [key, part] of wanted) {
        assert.ok(isKey(key), key);
        assert.deepEqual(parseKey(key), part);
      }
    }),
  );
});

const ALIEN: readonly string[] = [
  "",
  "/",
  "prod",
  "prod/backups",
  "prod/backups/",
  `prod/backups/${ID}`,
  `prod/backups/${ID}.json.sig.sig`,
  `prod/backups/x/${ID}.json`,
  `prod/other/${ID}.json`,
  `../prod/backups/${ID}.json`,
  `prod/../backups/${ID}.json`,
  `../backups/${ID}.json`,
  `./backups/${ID}.json`,
  `holdfast.json/backups/${ID}.json`,
  `prod//backups/${ID}.json`,
  `/prod/backups/${ID}.json`,
  `prod\\backups\\${ID}.json`,
  `prod/backups/${ID}.json\n`,
  `prod/backups/${ID}.json\u0000`,
  `prod/backups/${ID.replace("T07", "T25")}.json`,
  `prod/backups/${ID.replace("1124", "0230")}.json`,
  `prod/backups/${ID.replace("1124", "0000")}.json`,
  `prod/backups/${ID.replace("-l2-", "-l02-")}.json`,
  `prod/backups/${ID.replace("-l2-", "-l-2-")}.json`,
  `prod/backups/${ID.replace("-l2-", "-l1000000000-")}.json`,
  `prod/backups/${ID.replace("-r1234-", "-r0-")}.json`,
  `prod/backups/${ID.replace("-r1234-", "-r01-")}.json`,
  `prod/backups/${ID.replace("-r1234-", "-r9223372036854775808-")}.json`,
  `prod/backups/${ID.replace("-r1234-", `-r${"9".repeat(100)}-`)}.json`,
  `prod/backups/${ID.replace("-r1234-", "-r١٢٣-")}.json`,
  `prod/backups/${ID.toUpperCase()}.json`,
  `prod/backups/20261124T070320Z-${RANDOM}.db.zst.exe`,
  `prod/backups/20261324T070320Z-${RANDOM}.db.zst`,
  `prod/reports/${RANDOM.slice(1)}.json.zst`,
  `prod/reports/..json.zst`,
  `prod/evidence/${ID}/great-20261124T070320Z-${RANDOM}.json`,
  `prod/evidence/../stored-20261124T070320Z-${RANDOM}.json`,
  `prod/evidence/stored-20261124T070320Z-${RANDOM}.json`,
  "prod/pins/.json",
  "prod/pins/..json",
  `prod/pins/${ID}.json.json`,
  `${"a".repeat(65)}/backups/${ID}.json`,
];

test("what has not exactly the shape of the layout is no part of the repository", () => {
  for (const key of ALIEN) assert.equal(parseKey(key), undefined, JSON.stringify(key));
});

test("any text at all is a part or is not, and a part's key can be built from it", () => {
  const token = fc.constantFrom(
    "prod",
    "/",
    "backups",
    "reports",
    "evidence",
    "pins",
    "..",
    ID,
    ".json",
    ".sig",
    "-",
    "x",
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(token, { maxLength: 9 }).map((all) => all.join("")),
  );
  fc.assert(
    fc.property(text, (key) => {
      const part = parseKey(key);
      if (part !== undefined && part.kind !== "marker") assert.ok(isKey(key));
    }),
  );
});

test("a name as long as a megabyte is refused at once", () => {
  const long = "9".repeat(1 << 20);
  for (const key of [
    `prod/backups/${long}`,
    `${long}/backups/${ID}.json`,
    `prod/pins/${long}.json`,
  ])
    assert.equal(parseKey(key), undefined);
  assert.equal(parseBackupId(ID.replace("1234", long), "prod"), undefined);
});

test("names of clusters are letters and digits, with . _ - between them", () => {
  for (const good of ["a", "prod", "eu-west.1_b", "7", "a".repeat(64)])
    assert.equal(requireClusterName(good), good);
  for (const bad of [
    "",
    ".",
    "..",
    ".a",
    "a.",
    "-a",
    "a b",
    "a/b",
    "ä",
    "a".repeat(65),
    "holdfast.json",
  ]) {
    assert.equal(isClusterName(bad), false, bad);
    assert.throws(
      () => requireClusterName(bad),
      (error) => error instanceof HoldfastError && error.code === "usage",
    );
  }
});

test("there is no name for a lineage or a revision that does not exist", () => {
  for (const wrong of [
    { lineage: -1 },
    { lineage: 1e9 },
    { lineage: 1.5 },
    { revision: 0n },
    { revision: 1n << 63n },
  ])
    assert.throws(() => backupName({ ...NAME, ...wrong }), /there is no name/);
});
