import assert from "node:assert/strict";
import { test } from "node:test";
import { recordingLog } from "../../test/support/faulty-store.ts";
import { inspected } from "../../test/support/inspected.ts";
import { kubernetesSnapshot } from "../../test/support/small-snapshot.ts";
import { HoldfastError } from "../errors.ts";
import type { Connection } from "../etcd/connection.ts";
import { confirmHash } from "./confirm-hash.ts";

const inspection = await inspected(kubernetesSnapshot());
const { hashKV } = inspection.report;

/** A member that lies, or is gone: what a real one does not do when it is asked to. */
function member(answer: object | Error): Connection {
  const unary = async (_method: unknown, request: { revision: bigint }): Promise<unknown> => {
    assert.equal(request.revision, hashKV.revision);
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { endpoint: { text: "m1:2379" }, unary } as unknown as Connection;
}

function confirm(answer: object | Error) {
  const log = recordingLog();
  const { signal } = new AbortController();
  return confirmHash(member(answer), inspection, { signal, log }).then((result) => {
    return { result, log: log.lines.join() };
  });
}

test("the same hash confirms, also as of a later compaction", async () => {
  const same = { hash: hashKV.hash, compactRevision: hashKV.compactRevision };
  assert.deepEqual(await confirm(same), { result: true, log: "" });
  const later = inspection.hashKV(hashKV.revision, 5n);
  assert.notEqual(later.hash, hashKV.hash);
  assert.equal((await confirm({ hash: later.hash, compactRevision: 5n })).result, true);
});

test("another hash contradicts", async () => {
  for (const compactRevision of [hashKV.compactRevision, 5n])
    await assert.rejects(
      confirm({ hash: hashKV.hash ^ 1, compactRevision }),
      (error: HoldfastError) =>
        error.code === "hash-contradicted" && /"m1:2379".*at revision 8/.test(error.message),
    );
});

test("a member that cannot tell any more is no contradiction, and said", async () => {
  const { result, log } = await confirm(new HoldfastError("revision-compacted", "it is gone"));
  assert.equal(result, false);
  assert.match(log, /^warn the member does not confirm the hash of its snapshot: it is gone/);
});
