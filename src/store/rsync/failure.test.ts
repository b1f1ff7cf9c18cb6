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
const CUT = `rsync: connection unexpectedly closed (0 bytes received so far) [Receiver]
rsync error: error in rsync protocol data stream (code 12) at io.c(228) [Receiver=3.5.0]
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
  const restricted =
    "/usr/bin/rrsync error: post-realpath open failed: /a/ No such file or directory\n";
  assert.equal(isNothing(12, restricted + CUT), true);
  assert.equal(isNothing(12, `rrsync error: unsafe arg: /a\n${CUT}`), false);
});

test("statuses and words become codes", () => {
  assert.deepEqual(failure(23, DENIED), ["store-refused", false]);
  assert.deepEqual(failure(1, "ERROR: module is read only\n"), ["store-read-only", false]);
  assert.deepEqual(failure(1, "ERROR: module is write only\n"), ["store-refused", false]);
  const foreign = "@ERROR: access denied to m from a.example (10.0.0.1)\n";
  assert.deepEqual(failure(5, foreign), ["store-refused", false]);
  const kept = "rsync: The server is configured to refuse --delete\n";
  assert.deepEqual(failure(4, kept), ["store-refused", false]);
  for (const [words, code] of [
    ["rrsync error: sending to read-only server is not allowed", "store-read-only"],
    ["rrsync error: reading from write-only server is not allowed", "store-refused"],
    ["rrsync error: option -s has been disabled on this server.", "store-unsupported"],
    ["openrsync: unrecognized option '--fsync'", "store-unsupported"],
  ])
    assert.deepEqual(failure(12, `${words}\n${CUT}`), [code, false]);
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
