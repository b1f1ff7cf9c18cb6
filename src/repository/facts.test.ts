import assert from "node:assert/strict";
import { test } from "node:test";
import { inspected } from "../../test/support/inspected.ts";
import {
  backendOf,
  kubernetesSnapshot,
  rowsOf,
  withTrailer,
} from "../../test/support/small-snapshot.ts";
import { snapshotFacts } from "./facts.ts";

async function prefixesOf(keys: readonly string[]): Promise<string[]> {
  const rows = rowsOf([keys.map((key) => ({ key, value: "v" }))]);
  const { report } = await inspected(withTrailer(backendOf(rows)));
  return snapshotFacts(report)
    .prefixes.map(({ prefix }) => prefix)
    .toSorted();
}

test("a manifest names resources of Kubernetes, and of other keys the first level only", async () => {
  const keys = [
    "/registry/pods/shop/web-0",
    "/registry/secrets/shop/tls-of-bank",
    "/registry/example.com/widgets/shop/w",
    "/vault/customers/jane@example.com",
    "users/john@example.com/password",
    "plain-key-without-a-slash",
  ];
  assert.deepEqual(await prefixesOf(keys), [
    "",
    "/registry/example.com/widgets",
    "/registry/pods",
    "/registry/secrets",
    "/vault",
    "users",
  ]);
});

test("no more than some prefixes are named, and none of any length", async () => {
  const many = Array.from({ length: 200 }, (_, i) => `/registry/resource${i}/x/y`);
  const prefixes = await prefixesOf([...many, `/${"long".repeat(200)}/x`]);
  assert.equal(prefixes.length, 41);
  assert.ok(prefixes.includes("(others)"));
  assert.ok(prefixes.every((prefix) => prefix.length <= 200));
});

test("nothing is lost in the sums, and findings are counted", async () => {
  const snapshot = kubernetesSnapshot();
  snapshot[snapshot.length - 1]! ^= 1;
  const { report } = await inspected(snapshot);
  const facts = snapshotFacts(report);
  assert.deepEqual(facts.findings, [{ code: "trailer-mismatch", severity: "error", count: 1 }]);
  assert.equal(facts.snapshot.trailer, "mismatch");
  const sum = (all: readonly { readonly rows: number }[]) =>
    all.reduce((rows, one) => rows + one.rows, 0);
  assert.equal(sum(facts.prefixes), sum(report.prefixes));
});
