import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HoldfastError, type ErrorCode } from "../errors.ts";
import { makeBackup } from "../../test/support/repository.ts";
import { parseBackupId } from "./layout.ts";
import { decodeManifest, encodeManifest, objectOf, type Manifest } from "./manifest.ts";

const { name, manifest, bytes } = await makeBackup();
const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const fails = (code: ErrorCode, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof HoldfastError, String(error));
  assert.match(error.message, message);
  return error.code === code;
};

test("a manifest comes back as it was, and the same value gives the same bytes", () => {
  assert.deepEqual(decodeManifest(bytes, name), manifest);
  const turned = Object.fromEntries(Object.entries(manifest).toReversed()) as Manifest;
  assert.deepEqual(encodeManifest(turned), bytes);
  assert.deepEqual(encodeManifest(decodeManifest(bytes, name)), bytes);
  assert.equal(new TextDecoder().decode(bytes).at(-1), "\n");
});

test("fields and roles that nobody knows yet are passed over", () => {
  const object = {
    role: "companion",
    key: "prod/companions/x.tar",
    size: 1,
    sha256: "0".repeat(64),
  };
  const objects = [{ ...manifest.objects[0], color: "red" }, object];
  const newer = { ...manifest, color: "red", objects };
  const read = decodeManifest(encode(newer), name);
  assert.deepEqual(read, { ...manifest, objects: [manifest.objects[0], object] });
  assert.equal(objectOf(read, "companion")?.size, 1);
  assert.equal(objectOf(read, "report"), undefined);
});

test("a newer version is refused with what to do, whatever else is in it", () => {
  for (const version of [2, 3, 1e9, 1.5])
    assert.throws(
      () => decodeManifest(encode({ version, all: "different" }), name),
      (error) =>
        fails("format-newer", /has version/)(error) &&
        /newer Holdfast/.test((error as HoldfastError).hint!),
    );
});

const other = (change: Partial<typeof name>) => ({ ...name, ...change });
const ANOTHER = "20261124T070000Z-l1-r8-0123456789abcdef";

const MISPLACED: [what: string, at: typeof name, message: RegExp][] = [
  ["another name", parseBackupId(ANOTHER, "prod")!, /its id is/],
  ["another cluster", other({ cluster: "test" }), /its cluster is prod, wanted test/],
  ["another lineage", other({ lineage: 2 }), /its lineage is 1, wanted 2/],
  ["another revision", other({ revision: 8n }), /its revision is 7, wanted 8/],
  ["another time", other({ time: name.time + 1000 }), /its time is/],
];

for (const [what, at, message] of MISPLACED)
  test(`a manifest under ${what} is refused`, () => {
    assert.throws(() => decodeManifest(bytes, at), fails("document-invalid", message));
  });

const object = manifest.objects[0]!;
const snapshotAt = (key: string) => ({ objects: [{ ...object, key }] });
const extraAt = (key: string) => ({ objects: [object, { ...object, role: "extra", key }] });

const HOSTILE: [what: string, change: object, message: RegExp][] = [
  ["version in words", { version: "1" }, /version/],
  ["version 0", { version: 0 }, /version/],
  ["another kind of document", { kind: "holdfast-evidence" }, /kind/],
  ["id that is a path", { id: "../../etc/passwd" }, /id: it is no ID/],
  ["cluster that is a path", { cluster: "../x" }, /cluster: it is no name/],
  ["lineage below", { lineage: -1 }, /lineage/],
  ["lineage in text", { lineage: "1" }, /lineage/],
  ["revision as a number", { revision: 7 }, /revision/],
  ["gigantic revision", { revision: "9".repeat(40) }, /revision/],
  ["revision above int64", { revision: "9223372036854775808" }, /revision: it is no int64/],
  ["revision with a sign", { revision: "+7" }, /revision/],
  ["revision that is not its hash's", { hashKV: { ...manifest.hashKV, revision: "8" } }, /hash/],
  ["hash above 32 bits", { statusHash: 2 ** 32 }, /statusHash/],
  ["size that is no integer", { snapshot: { ...manifest.snapshot, size: 1.5 } }, /snapshot.size/],
  [
    "size beyond what numbers hold",
    { snapshot: { ...manifest.snapshot, size: 1e300 } },
    /snapshot.size/,
  ],
  ["size below nothing", { objects: [{ ...object, size: -1 }] }, /objects.0.size/],
  ["digest in capitals", { objects: [{ ...object, sha256: "A".repeat(64) }] }, /objects.0.sha256/],
  ["no objects", { objects: [] }, /objects/],
  [
    "no snapshot",
    { objects: [{ ...object, role: "report", key: `prod/reports/${name.random}.json.zst` }] },
    /names 0 snapshots/,
  ],
  ["two snapshots", { objects: [object, object] }, /names 2 snapshots/],
  ["one object twice", extraAt(object.key), /names an object twice/],
  ["snapshot that leads out", snapshotAt("../../etc/passwd"), /cannot lie/],
  ["snapshot in another cluster", snapshotAt(object.key.replace("prod/", "test/")), /cannot lie/],
  ["snapshot with an absolute path", snapshotAt("/etc/passwd"), /cannot lie/],
  ["snapshot that is the marker", snapshotAt("holdfast.json"), /cannot lie/],
  ["snapshot that is a manifest", snapshotAt(`prod/backups/${ANOTHER}.json`), /cannot lie/],
  ["unknown role at another's manifest", extraAt(`prod/backups/${ANOTHER}.json`), /cannot lie/],
  [
    "unknown role at another's snapshot",
    extraAt("prod/backups/20261124T070000Z-0123456789abcdef.db.zst"),
    /cannot lie/,
  ],
  ["unknown role at a pin", extraAt(`prod/pins/${ANOTHER}.json`), /cannot lie/],
  ["unknown role that leads out", extraAt("prod/../test/x"), /cannot lie/],
  ["unknown role with a hidden file", extraAt("prod/.incoming/x"), /cannot lie/],
  ["role that is a sentence", { objects: [object, { ...object, role: "Not A Role" }] }, /role/],
  ["itself as the one before", { previous: { id: name.id, sha256: "0".repeat(64) } }, /itself/],
  ["itself as the one replaced", { replaces: name.id }, /itself/],
  ["members that are none", { members: "all of them" }, /members/],
  [
    "a thousand members",
    { members: Array.from({ length: 1000 }, () => manifest.members[0]) },
    /members|bytes/,
  ],
  [
    "name longer than a page",
    { members: [{ ...manifest.members[0], name: "x".repeat(5000) }] },
    /name/,
  ],
  ["packing of tomorrow", { packing: "quantum" }, /packing/],
  ["time that is none", { time: "yesterday" }, /time/],
  ["durations of anything", { durations: { "not a word": 1 } }, /durations/],
];

for (const [what, change, message] of HOSTILE)
  test(`hostile manifest: ${what}`, () => {
    const bad = encode({ ...manifest, ...change });
    assert.throws(() => decodeManifest(bad, name), fails("document-invalid", message));
  });

const text = new TextDecoder().decode(bytes);
const BYTES: [what: string, bytes: Uint8Array, message: RegExp][] = [
  ["nothing", new Uint8Array(0), /JSON/],
  ["zeros", new Uint8Array(100), /JSON/],
  ["a cut one", bytes.subarray(0, bytes.length - 3), /JSON/],
  ["no UTF-8", Uint8Array.of(0x22, 0xff, 0xfe, 0x22), /no UTF-8/],
  ["a byte order mark", new TextEncoder().encode(`\ufeff${text}`), /JSON/],
  ["null", encode(null), /object/],
  ["a list", encode([manifest]), /object/],
  ["more than 64 KiB", new TextEncoder().encode(text + " ".repeat(1 << 16)), /bytes/],
  ["deep lists", new TextEncoder().encode("[".repeat(60_000)), /nested deeper/],
  ["deep objects", new TextEncoder().encode('{"a":'.repeat(10_000)), /nested deeper/],
  ["deep behind a string", new TextEncoder().encode(`["\\"[[",${"[".repeat(20)}`), /nested deeper/],
  ["quotes without end", new TextEncoder().encode('"\\"'.repeat(20_000)), /JSON/],
];

for (const [what, given, message] of BYTES)
  test(`hostile bytes for a manifest: ${what}`, () => {
    assert.throws(() => decodeManifest(given, name), fails("document-invalid", message));
  });

test("brackets inside strings are no depth", () => {
  const members = [{ ...manifest.members[0]!, name: `\\"${"[{".repeat(100)}` }];
  assert.equal(
    decodeManifest(encode({ ...manifest, members }), name).members[0]!.name,
    members[0]!.name,
  );
});

test("any value in the place of any field gives a manifest or a coded error", () => {
  const field = fc.constantFrom(...Object.keys(manifest));
  fc.assert(
    fc.property(field, fc.jsonValue(), (key, value) => {
      try {
        decodeManifest(encode({ ...manifest, [key]: value }), name);
      } catch (error) {
        assert.ok(error instanceof HoldfastError, String(error));
      }
    }),
    { numRuns: 500 },
  );
});

test("a manifest that could not be read is not written either", () => {
  const long = Array.from({ length: 100 }, () => ({
    ...manifest.members[0]!,
    name: "x".repeat(900),
  }));
  assert.throws(
    () => encodeManifest({ ...manifest, members: long }),
    fails("document-invalid", /bytes/),
  );
  assert.throws(
    () => encodeManifest({ ...manifest, lineage: 2 }),
    fails("document-invalid", /lineage/),
  );
  assert.throws(
    () => encodeManifest({ ...manifest, id: "no id" }),
    fails("document-invalid", /is no ID/),
  );
});
