import assert from "node:assert/strict";
import { test } from "node:test";
import { isNothingThere, rsyncFailure } from "./failure.ts";

const GONE = `rsync: [sender] change_dir "store" (in open) failed: No such file or directory (2)
rsync error: some files/attrs were not transferred (see previous errors) (code 23) at main.c(1956) [Receiver=3.5.0]
rsync: [Receiver] read error: Connection reset by peer (104)
`;
const DENIED = `rsync: [sender] opendir "/srv/x" failed: Permission denied (13)
rsync error: some files/attrs were not transferred (see previous errors) (code 23) at main.c(1956)
`;

function failure(status: number | null, stderr: string): [string, boolean] {
  const { code, isTransient } = rsyncFailure("list", { status, stdout: "", stderr });
  return [code, isTransient];
}

test("only what is not there is nothing", () => {
  const isNothing = (status: number, stderr: string): boolean =>
    isNothingThere({ status, stdout: "", stderr });
  assert.equal(isNothing(23, GONE), true);
  assert.equal(isNothing(12, GONE), false);
  assert.equal(isNothing(23, DENIED), false);
  assert.equal(isNothing(23, GONE + DENIED), false);
  assert.equal(isNothing(23, ""), false);
});

test("statuses and words become codes", () => {
  assert.deepEqual(failure(23, DENIED), ["store-refused", false]);
  assert.deepEqual(failure(1, "ERROR: module is read only\n"), ["store-read-only", false]);
  const full = 'rsync: [receiver] write failed on "x": No space left on device (28)\n';
  assert.deepEqual(failure(11, full), ["store-full", false]);
  assert.deepEqual(failure(5, "@ERROR: auth failed on module m\n"), ["store-refused", false]);
  assert.deepEqual(failure(5, "@ERROR: Unknown module 'm'\n"), ["store-misconfigured", false]);
  assert.deepEqual(failure(255, "Host key verification failed.\n"), ["store-misconfigured", false]);
  assert.deepEqual(failure(255, "Connection closed by 10.0.0.1\n"), ["store-unreachable", true]);
  for (const status of [10, 12, 30, 35, null])
    assert.deepEqual(failure(status, ""), ["store-unreachable", true]);
  const early = "rsync: did not see server greeting\n";
  assert.deepEqual(failure(5, early), ["store-unreachable", true]);
  const busy = "@ERROR: max connections (4) reached -- try again later\n";
  assert.deepEqual(failure(5, busy), ["store-throttled", true]);
  assert.deepEqual(failure(3, ""), ["store-wrong-answer", false]);
  const overtaken = 'rsync: [Receiver] mkdir "store/a/" (in open) failed: File exists (17)\n';
  assert.deepEqual(failure(11, overtaken), ["store-wrong-answer", true]);
});
