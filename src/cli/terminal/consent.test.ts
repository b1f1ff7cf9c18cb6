import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { HoldfastError } from "../../errors.ts";
import { requireConsent } from "./consent.ts";

/** Somebody at a terminal, who types this; undefined hangs up. */
async function ask(
  typed: string | undefined,
  isTTY = true,
): Promise<{ asked: string; error: unknown }> {
  const stdin = Object.assign(new PassThrough(), { isTTY });
  const stderr = Object.assign(new PassThrough(), { isTTY });
  if (typed === undefined) stdin.end();
  else stdin.write(typed);
  const signal = new AbortController().signal;
  const error = await requireConsent(
    "remove 3 backups",
    { yes: false },
    { stdin, stderr, signal },
  ).then(
    () => undefined,
    (failure: unknown) => failure,
  );
  stderr.end();
  return { asked: Buffer.concat(await stderr.toArray()).toString(), error };
}

test("on a terminal the question is asked, and only a yes is one", async () => {
  for (const yes of ["y\n", "yes\n", " YES \n"]) {
    const { asked, error } = await ask(yes);
    assert.match(asked, /^Remove 3 backups\? \[y\/N\] /);
    assert.equal(error, undefined);
  }
  for (const no of ["\n", "n\n", "yep\n", "no\n", undefined]) {
    const { asked, error } = await ask(no);
    assert.equal(asked, `Remove 3 backups? [y/N] ${no === undefined ? "\n" : ""}`);
    assert.ok(error instanceof HoldfastError && error.code === "consent-missing", String(no));
    assert.equal(error.message, "not done: remove 3 backups");
  }
});

test("without a terminal nobody is asked, and --yes is the way to agree", async () => {
  const { asked, error } = await ask("y\n", false);
  assert.equal(asked, "");
  assert.ok(error instanceof HoldfastError && error.code === "consent-missing");
  assert.match(error.hint!, /--yes/);
  const [stdin, stderr] = [new PassThrough(), new PassThrough()];
  const signal = new AbortController().signal;
  await requireConsent("remove everything", { yes: true }, { stdin, stderr, signal });
});

test("an interruption while the question waits is thrown as it is", async () => {
  const stdin = Object.assign(new PassThrough(), { isTTY: true });
  const stop = new AbortController();
  const waiting = requireConsent(
    "remove it",
    { yes: false },
    { stdin, stderr: new PassThrough(), signal: stop.signal },
  );
  stop.abort(new Error("interrupted"));
  await assert.rejects(waiting, /interrupted/);
});
