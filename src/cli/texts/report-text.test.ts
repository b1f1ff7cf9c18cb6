import assert from "node:assert/strict";
import { test } from "node:test";
import type { Report } from "../../inspect/report.ts";
import { placeText, reportText } from "./report-text.ts";

const REPORT: Report = {
  findings: [],
  trailer: "verified",
  sha256: "5f".repeat(32),
  bytes: 1_593_835_552,
  pageSize: 4096,
  pages: 389_120,
  dbSize: 1_593_835_520,
  dbSizeInUse: 1_204_224_000,
  txid: 88_231n,
  freelist: "rebuilt",
  status: {
    hash: 0x3a3b6c76,
    revision: 904_112n,
    totalKey: 401_233,
    totalSize: 1_593_835_520,
    version: "3.6.0",
  },
  revision: 904_112n,
  compactRevision: 871_300n,
  hashKV: { hash: 1302061865, revision: 904_112n, compactRevision: 871_300n },
  rows: 434_045,
  liveKeys: 401_233,
  tombstones: 1_204,
  leases: 12,
  auth: { enabled: true, revision: 9n, users: ["root", "backup"], roles: ["root"] },
  alarms: [{ memberId: 0x8e9e05c52164694dn, alarm: "NOSPACE" }],
  members: [
    {
      id: 0x8e9e05c52164694dn,
      name: "default",
      peerURLs: ["http://localhost:2380"],
      clientURLs: ["http://localhost:2379"],
      isLearner: false,
    },
    { id: 0x1n, name: "", peerURLs: ["http://10.0.0.2:2380"], clientURLs: [], isLearner: true },
  ],
  storageVersion: "3.6.0",
  clusterVersion: "3.6.0",
  downgrade: "",
  consistentIndex: 1_204_551n,
  term: 4n,
  prefixes: [
    { name: "/registry/events/", keys: 300_000, rows: 320_000, bytes: 900_000_000 },
    { name: "/registry/pods/", keys: 4_000, rows: 9_000, bytes: 61_000_000 },
  ],
  namespaces: [{ name: "default", keys: 120, rows: 340, bytes: 20480 }],
  largest: [{ key: "/registry/configmaps/default/\u001bbig", bytes: 1_400_032, revision: 40n }],
  mostRevised: [{ key: "/registry/leases/kube-system/kube-scheduler", revisions: 16_400 }],
};

const TEXT = `snap.db
  SHA-256      5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f
  trailer      verified: it is the SHA-256 of the data
  bytes read   1.6 GB (1,593,835,552 bytes)
  database     1.6 GB (1,593,835,520 bytes), 1.2 GB in use (75 %)
  pages        389,120 of 4,096 bytes
  freelist     not persisted, as etcd leaves it
  transaction  88231
  status hash  3a3b6c76

Store
  revision    904112
  compacted   at 871300
  HashKV      1302061865 at revision 904112
  rows        434,045
  live keys   401,233
  tombstones  1,204
  leases      12

Cluster
  storage version   3.6.0
  cluster version   3.6.0
  auth              enabled
  users             root, backup
  roles             root
  alarms            NOSPACE on 8e9e05c52164694d
  consistent index  1204551
  term              4

Members, as the snapshot has them
  ID                NAME           PEER URLS              CLIENT URLS            LEARNER
  8e9e05c52164694d  default        http://localhost:2380  http://localhost:2379  no
  1                 (not started)  http://10.0.0.2:2380                          yes

By prefix
  PREFIX                KEYS     ROWS    SIZE
  /registry/events/  300,000  320,000  900 MB
  /registry/pods/      4,000    9,000   61 MB

By namespace
  NAMESPACE  KEYS  ROWS   SIZE
  default     120   340  20 kB

Largest rows
    SIZE  REVISION  KEY
  1.4 MB        40  /registry/configmaps/default/\\x1bbig

Most revisions
  REVISIONS  KEY
     16,400  /registry/leases/kube-system/kube-scheduler

sound`;

test("a sound snapshot reads like this", () => {
  assert.equal(reportText("snap.db", REPORT), TEXT);
});

test("empty lists take no room, and unknown versions are said in words", () => {
  const text = reportText("-", {
    ...REPORT,
    storageVersion: "",
    compactRevision: -1n,
    prefixes: [],
    namespaces: [],
    largest: [],
    mostRevised: [],
    members: [],
    alarms: [],
    downgrade: "3.5.0",
  });
  assert.match(text, /compacted +never\n/);
  assert.match(text, /storage version +not recorded \(3\.5 or older\)\n/);
  assert.match(text, /downgrade +under way, to 3\.5\.0\n/);
  assert.match(text, /alarms +none\n/);
  assert.doesNotMatch(text, /By prefix|Largest|Most rev|Members/);
});

test("findings come last, with severity and place, before the verdict", () => {
  const text = reportText("snap.db", {
    ...REPORT,
    trailer: "mismatch",
    findings: [
      {
        code: "element-bounds",
        severity: "error",
        where: { page: 12, offset: 49152, bucket: "key", key: "00ff" },
        message: "element 3 ends past its page",
      },
      {
        code: "no-trailer",
        severity: "warning",
        where: {},
        message: "no SHA-256 follows the data",
      },
    ],
  });
  assert.ok(
    text.endsWith(
      `
Findings
  SEVERITY  CODE            WHERE                                        WHAT
  error     element-bounds  page 12, offset 49152, bucket key, key 00ff  element 3 ends past its page
  warning   no-trailer      -                                            no SHA-256 follows the data

DAMAGED: 1 error, 1 warning`,
    ),
    text,
  );
});

test("long lists and long keys are cut, and it is said", () => {
  const prefixes = Array.from({ length: 25 }, (_, i) => ({
    name: `/p${i}/${"x".repeat(300)}`,
    keys: 1,
    rows: 1,
    bytes: 1,
  }));
  const text = reportText("snap.db", { ...REPORT, prefixes });
  assert.match(text, /\/p19\/x+… /);
  assert.doesNotMatch(text, /\/p20\//);
  assert.match(text, /\n {2}… and 5 more: -o json has them all\n/);
});

test("placeText() says as much as is known", () => {
  assert.equal(placeText({}), "-");
  assert.equal(placeText({ offset: 0 }), "offset 0");
});
