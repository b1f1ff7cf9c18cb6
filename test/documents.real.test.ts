/**
 * Runs the commands that the documents quote: all `sh` blocks of a document in order, as one script that stops at
 * the first failure, in an empty folder, with holdfast, etcd's tools of 3.6 and the pinned node on the PATH.
 */
import assert from "node:assert/strict";
import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT, blocksOf, documents, isSetUp } from "./support/documents.ts";
import type { Document } from "./support/documents.ts";
import { etcdBinaries, startCluster } from "./support/etcd.ts";
import type { Cluster } from "./support/etcd.ts";
import { fill } from "./support/fill.ts";
import { BIN } from "./support/holdfast.ts";
import { run } from "./support/program.ts";
import type { Finished } from "./support/program.ts";
import { scratch } from "./support/scratch.ts";

/** With enough in it to look at. */
async function filledCluster(tls: boolean): Promise<Cluster> {
  const cluster = await startCluster({ line: "3.6", tls });
  await fill(cluster.endpoints[0]!, { keys: 100, seed: 5, ...cluster });
  return cluster;
}

/** All runnable blocks; each says first where it is, so that the last word of a failure tells the place. */
function script({ path, blocks }: Document): string {
  return blocks
    .filter((block) => block.language === "sh" && !isSetUp(block))
    .map(({ line, text }) => `echo "--- ${path}:${line}" >&2\n${text}\n`)
    .join("");
}

/** Runs a script as a reader would, in a folder with nothing but `examples/`. */
async function readAlong(commands: string): Promise<Finished> {
  await using plain = await filledCluster(false);
  await using secure = await filledCluster(true);
  await using folder = await scratch();
  await mkdir(folder.file("bin"));
  await mkdir(folder.file("work"));
  const { etcd, etcdctl, etcdutl } = await etcdBinaries("3.6");
  const programs = { holdfast: BIN, node: process.execPath, etcd, etcdctl, etcdutl: etcdutl! };
  for (const [name, path] of Object.entries(programs))
    await symlink(path, folder.file("bin", name));
  await symlink(join(ROOT, "examples"), folder.file("work", "examples"));
  const env = {
    PATH: `${folder.file("bin")}:/usr/local/bin:/usr/bin:/bin`,
    HOME: folder.path,
    ENDPOINT: plain.endpoints[0]!,
    SECURE_ENDPOINT: secure.endpoints[0]!,
    CACERT: secure.tls!.caFile,
    CERT: secure.tls!.certFile,
    KEY: secure.tls!.keyFile,
  };
  const cwd = folder.file("work");
  return await run("/bin/sh", ["-eu", "-c", commands], { cwd, env });
}

for (const document of documents()) {
  const commands = script(document);
  if (commands === "") continue;
  test(`the commands in ${document.path} work`, async () => {
    const { status, stdout, stderr } = await readAlong(commands);
    assert.equal(status, 0, stdout + stderr);
  });
}

test("a command that fails stops the script and is named", async () => {
  const text =
    "```sh\nholdfast version\netcdctl --endpoints=$ENDPOINT get /registry/ --prefix --limit=1\n```\n";
  const doomed = `${text}\`\`\`sh\nfalse\n\`\`\`\n\`\`\`sh\necho never\n\`\`\`\n`;
  const blocks = blocksOf(doomed);
  const { status, stdout, stderr } = await readAlong(
    script({ path: "X.md", text: doomed, blocks }),
  );
  assert.equal(status, 1);
  assert.match(stdout, /^holdfast version[^]*\/registry\//);
  assert.doesNotMatch(stdout, /never/);
  assert.match(stderr, /--- X\.md:5\n$/);
});
