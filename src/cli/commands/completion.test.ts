import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { runCommand } from "../../../test/support/cli.ts";

async function script(shell: string): Promise<string> {
  const { stdout, status } = await runCommand(["completion", shell]);
  assert.equal(status, 0);
  return stdout;
}

function present(shell: string): boolean {
  return spawnSync(shell, ["--version"]).status === 0;
}

/** What bash offers for a line, split as readline splits it; the last word is the one under the cursor. */
function bashOffers(source: string, words: readonly string[]): string[] {
  const check = `set -u; ${source}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _holdfast; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync("bash", ["--norc", "-c", check, "bash", ...words], {
    encoding: "utf8",
  });
  assert.equal(stderr, "");
  return stdout.split("\n").filter((line) => line !== "");
}

test("bash completes commands, flags and the values of flags", async () => {
  const source = await script("bash");
  const offers = (...words: string[]) => bashOffers(source, ["holdfast", ...words]);
  assert.ok(["snapshot", "inspect", "version"].every((name) => offers("").includes(name)));
  assert.deepEqual(offers("insp"), ["inspect"]);
  assert.deepEqual(offers("snapshot", "stat"), ["status"]);
  assert.deepEqual(offers("completion", ""), ["bash", "zsh", "fish"]);
  assert.deepEqual(offers("snapshot", "status", "--wri"), ["--write-out"]);
  assert.deepEqual(offers("version", "-o", "y"), ["yaml"]);
  assert.deepEqual(offers("version", "--output", "=", "j"), ["json"]);
  assert.deepEqual(offers("--log-format", "json", "snapshot", "status", "-w", "t"), ["table"]);
  assert.deepEqual(offers("--log-format", ""), ["text", "json"]);
});

test("bash is left to complete files where a value may be one", async () => {
  const source = await script("bash");
  assert.deepEqual(bashOffers(source, ["holdfast", "inspect", "--accept-finding", ""]), []);
  assert.deepEqual(bashOffers(source, ["holdfast", "snapshot", "status", ""]), []);
});

test("fish completes commands, flags and the values of flags", async (t) => {
  if (!present("fish")) return t.skip("no fish here");
  const source = await script("fish");
  const offers = (line: string) =>
    spawnSync("fish", ["--no-config", "-c", `${source}\ncomplete -C '${line}'`], {
      encoding: "utf8",
    })
      .stdout.split("\n")
      .map((entry) => entry.split("\t")[0]);
  assert.ok(offers("holdfast snap").includes("snapshot"));
  assert.ok(offers("holdfast version --output ").includes("yaml"));
  assert.ok(offers("holdfast version -").includes("--output"));
});

test("zsh can read its script", async (t) => {
  if (!present("zsh")) return t.skip("no zsh here");
  const { stderr, status } = spawnSync("zsh", ["-n"], {
    input: await script("zsh"),
    encoding: "utf8",
  });
  assert.deepEqual([status, stderr], [0, ""]);
});
