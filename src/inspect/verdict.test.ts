import assert from "node:assert/strict";
import { test } from "node:test";
import { asIs, changed } from "../../test/support/finding-case.ts";
import { reportOf } from "../../test/support/inspected.ts";
import { leaf, secondLeaf } from "../../test/support/page-findings.ts";
import { rows, row } from "../../test/support/row-findings.ts";
import { putPageNumber } from "../format/bbolt/page.ts";
import { textBytes } from "../format/bytes.ts";
import { refuseDamaged, unaccepted } from "./verdict.ts";

const damaged = await reportOf(
  changed(
    (file) => {
      putPageNumber(file, leaf, 99);
      putPageNumber(file, secondLeaf, 99);
    },
    rows(row(textBytes("zzz"))).bytes.slice(0, -32),
  ).bytes,
);

test("a sound snapshot is not refused, nor is one with warnings alone", async () => {
  refuseDamaged(await reportOf(asIs.bytes), []);
  const warned = await reportOf(asIs.bytes.slice(0, -32));
  assert.equal(warned.findings.length, 1);
  refuseDamaged(warned, []);
});

test("a refusal quotes the first finding, counts the others and says how to go on past each", () => {
  assert.throws(() => refuseDamaged(damaged, []), {
    code: "snapshot-damaged",
    message:
      /^the snapshot is damaged: page 2 \(referenced by page \d+\): its header says page 99 \(and 2 more\)$/,
    hint: /--accept-finding page-invalid --accept-finding row-key$/,
  });
});

test("accepted findings are passed over, and only those", () => {
  assert.throws(() => refuseDamaged(damaged, ["page-invalid"]), {
    message: /^the snapshot is damaged: a row of bucket "key" has no revision: [^(]*$/,
  });
  assert.throws(() => refuseDamaged(damaged, ["row-key", "page-shared", "page"]), /page 2/);
  refuseDamaged(damaged, ["row-key", "page-invalid"]);
  assert.deepEqual(
    unaccepted(damaged, ["page-invalid"]).map(({ code }) => code),
    ["row-key"],
  );
});

test("what is no database at all cannot be accepted, and nobody is told to", async () => {
  const noise = await reportOf(new Uint8Array(100_000).fill(7));
  for (const accept of [[], ["meta-invalid"]]) {
    assert.throws(() => refuseDamaged(noise, accept), {
      code: "snapshot-damaged",
      hint: /^check that this is an etcd snapshot/,
    });
  }
});
