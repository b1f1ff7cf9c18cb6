import assert from "node:assert/strict";
import { test } from "node:test";
import { backendOf, entries, snapshotOf } from "../../test/support/backend.ts";
import { reportOf } from "../../test/support/inspected.ts";
import { random } from "../../test/support/random.ts";
import { emptyStore } from "../../test/support/store.ts";
import type { Store } from "../../test/support/store.ts";
import type { Entry } from "../format/bbolt/reader.ts";
import { decodeKeyValue } from "../format/mvcc/key-value.ts";
import { isTombstone } from "../format/mvcc/revision.ts";
import type { Report } from "./report.ts";
import { placeOf } from "./usage.ts";

const SEED = Number(process.env["SEED"] ?? 9);

const usageOf = (store: Store, rows = store.rows): Promise<Report> =>
  reportOf(snapshotOf(backendOf(store, { key: rows })));

for (const [directory, prefix, namespace] of [
  ["/registry/pods/default/", "/registry/pods", "default"],
  ["/registry/clusterroles/", "/registry/clusterroles", undefined],
  ["/registry/services/specs/kube-system/", "/registry/services/specs", "kube-system"],
  ["/registry/example.com/widgets/team-a/", "/registry/example.com/widgets", "team-a"],
  ["/registry/example.com/widgets/", "/registry/example.com/widgets", undefined],
  ["kubernetes.io/pods/default/", "kubernetes.io/pods", "default"],
  ["openshift.io/builds/shop/", "openshift.io/builds", "shop"],
  ["/registry/", "/registry", undefined],
  ["/calico/v1/host/a/b/", "/calico/v1", undefined],
  ["app/", "app", undefined],
  ["/", "/", undefined],
  ["", "", undefined],
] as const)
  test(`keys in ${JSON.stringify(directory)} belong to ${JSON.stringify(prefix)} and ${namespace ?? "no namespace"}`, () => {
    assert.deepEqual(placeOf(directory), { prefix, namespace });
  });

/** Counted the plain way: rows by what `nameOf` says of their key. */
function usage(rows: readonly Entry[], nameOf: (key: string) => string | undefined) {
  const sums = new Map<string, { name: string; keys: Set<string>; rows: number; bytes: number }>();
  for (const row of rows) {
    const key = Buffer.from(decodeKeyValue(row.value).key).toString();
    const name = nameOf(key);
    if (name === undefined) continue;
    const sum = sums.get(name) ?? { name, keys: new Set<string>(), rows: 0, bytes: 0 };
    sums.set(name, sum);
    if (isTombstone(row.key)) sum.keys.delete(key);
    else sum.keys.add(key);
    sum.rows++;
    sum.bytes += row.key.length + row.value.length;
  }
  return [...sums.values()]
    .map(({ name, keys, rows: held, bytes }) => ({ name, keys: keys.size, rows: held, bytes }))
    .toSorted((a, b) => b.bytes - a.bytes || (a.name < b.name ? -1 : 1));
}

const directoryOf = (key: string): string => key.slice(0, key.lastIndexOf("/") + 1);

test(`rows, live keys and bytes by prefix and namespace (seed ${SEED})`, async () => {
  const chance = random(SEED);
  const store = emptyStore();
  for (let i = 0; i < 2000; i++) {
    const place = chance.pick([
      "/registry/pods/a",
      "/registry/pods/b",
      "/registry/a.io/things/a",
      "x/y/z",
      "x",
      "",
    ]);
    const key = `${place}${place === "" ? "" : "/"}${chance.between(0, 30)}`;
    if (chance.between(0, 4) === 0) store.remove(key);
    else store.put(key, chance.bytes(chance.between(0, 90)));
  }
  for (const compact of [false, true]) {
    if (compact) store.compact(1200n);
    const { prefixes, namespaces } = await usageOf(store);
    assert.deepEqual(
      prefixes,
      usage(store.rows, (key) => placeOf(directoryOf(key)).prefix),
    );
    assert.deepEqual(
      namespaces,
      usage(store.rows, (key) => placeOf(directoryOf(key)).namespace),
    );
  }
});

test("the largest rows and the keys with the most revisions, most first, twenty of each", async () => {
  const store = emptyStore();
  for (let i = 0; i < 60; i++)
    for (let revision = 0; revision <= i % 30; revision++)
      store.put(`/k/${i}`, "v".repeat(i * 10 + revision));
  store.remove("/k/59");
  const { largest, mostRevised } = await usageOf(store);
  const bySize = store.rows
    .filter((row) => !isTombstone(row.key))
    .map((row) => {
      const { key, modRevision: revision } = decodeKeyValue(row.value);
      const bytes = row.key.length + row.value.length;
      return { key: Buffer.from(key).toString(), bytes, revision };
    })
    .toSorted((a, b) => b.bytes - a.bytes);
  assert.deepEqual(largest, bySize.slice(0, 20));
  assert.deepEqual(mostRevised[0], { key: "/k/59", revisions: 31 });
  assert.deepEqual(mostRevised[1], { key: "/k/29", revisions: 30 });
  assert.equal(mostRevised.length, 20);
});

test("a key that was written once is not among those with many revisions", async () => {
  assert.deepEqual((await usageOf(emptyStore().put("a", "1"))).mostRevised, []);
});

test("where there would be thousands of prefixes, shorter ones are counted", async () => {
  const count = 1001;
  const numbers = [...Array(count).keys()];
  const storeOf = (key: (i: number) => string): Store => {
    const store = emptyStore();
    for (const i of numbers) store.put(key(i), "v");
    return store;
  };
  const names = async (key: (i: number) => string): Promise<string[]> =>
    (await usageOf(storeOf(key))).prefixes.map(({ name }) => name);
  assert.equal((await names((i) => `/app/${i % 1000}/x`)).length, 1000);
  assert.deepEqual(await names((i) => `/app/${i}/x`), ["/app"]);
  assert.deepEqual(await names((i) => `/${i}/x`), ["/"]);
  assert.deepEqual(await names((i) => `${i}/x`), [""]);
  assert.deepEqual(await names((i) => `/registry/a.io/${i}/ns/x`), ["/registry/a.io"]);
  const { namespaces } = await usageOf(storeOf((i) => `/registry/pods/ns-${i}/x`));
  assert.equal(namespaces.length, 1000);
});

test("values that are no KeyValue belong nowhere, bytes that are no text show", async () => {
  const store = emptyStore().put(Uint8Array.of(0xff, 0x2f, 0x61), "v");
  const key = Uint8Array.from(store.rows[0]!.key).with(7, 9);
  const { prefixes, largest } = await usageOf(store, [
    ...store.rows,
    ...entries([key, "no message"]),
  ]);
  assert.deepEqual(
    prefixes.map(({ name, rows }) => [name, rows]),
    [["\ufffd", 1]],
  );
  assert.equal(largest[0]!.key, "\ufffd/a");
});
