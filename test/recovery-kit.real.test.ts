/** A machine that has nothing but the recovery kit and stock tools: its text is followed to the letter. */
import assert from "node:assert/strict";
import { mkdir, readFile, symlink } from "node:fs/promises";
import { test } from "node:test";
import { connect } from "./support/client.ts";
import { blocksOf } from "./support/documents.ts";
import { bootCluster, etcdBinaries, startCluster } from "./support/etcd.ts";
import { output, run, type Finished } from "./support/program.ts";
import { withLibraries, part } from "./support/parts.ts";
import { assertLives, fillWithHistory } from "./support/restored.ts";
import { scratch, type Scratch } from "./support/scratch.ts";
import { station, type Station } from "./support/station.ts";
import { toolPath } from "./support/stock.ts";

/** Nothing on the PATH but what the kit names, and the system's own small tools. */
const SYSTEM = ["awk", "cat", "cp", "grep", "head", "ls", "sed", "sha256sum", "sort", "tail"];

interface Machine extends Scratch {
  /** Runs commands as somebody would type them, all in one shell. */
  type(commands: string): Promise<Finished>;
}

async function freshMachine(): Promise<Machine> {
  const folder = await scratch();
  await mkdir(folder.file("bin"));
  await mkdir(folder.file("work"));
  const link = (name: string, path: string): Promise<void> =>
    symlink(path, folder.file("bin", name));
  for (const name of SYSTEM)
    await link(name, (await output("/bin/sh", ["-c", `command -v ${name}`])).trim());
  for (const name of ["age", "zstd", "ssh-keygen"] as const) await link(name, await toolPath(name));
  await link("etcdutl", (await etcdBinaries("3.6")).etcdutl!);
  const { LD_LIBRARY_PATH } = withLibraries(await part("stock"));
  const env = { PATH: folder.file("bin"), HOME: folder.path, LD_LIBRARY_PATH };
  return {
    ...folder,
    type: (commands) => run("/bin/sh", ["-euc", commands], { cwd: folder.file("work"), env }),
  };
}

/** Everything that the page tells to type, in order. */
async function typed(from: Station): Promise<string> {
  const kit = await readFile(from.key("recovery-kit.md"), "utf8");
  const blocks = blocksOf(kit).filter(({ language }) => language === "sh");
  assert.equal(blocks.length, 3);
  return blocks.map(({ text }) => text).join("\n");
}

test("the newest backup comes back with stock tools alone, and its cluster lives", async () => {
  await using here = await station();
  await using lost = await startCluster({ line: "3.6" });
  await fillWithHistory(lost.endpoints[0]!);
  await here.backup(lost);
  {
    using client = await connect(lost.endpoints[0]!);
    await client.put("later", "and newer");
  }
  const newest = await here.backup(lost);
  await using machine = await freshMachine();
  const { status, stdout, stderr } = await machine.type(await typed(here));
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, /Good "holdfast" signature for holdfast/);
  assert.match(stdout, new RegExp(`${newest.statusHash.toString(16)}, ${newest.revision}, `));

  const [member] = lost.members;
  await member!.stop("SIGKILL");
  const place = { ...member!, dataDir: machine.file("work", "restored-m1") };
  await using cluster = await bootCluster({ line: "3.6", members: [place] });
  using client = await connect(cluster.endpoints[0]!);
  assert.equal(`${Buffer.from((await client.get("later"))!)}`, "and newer");
  await assertLives(cluster, BigInt(newest.revision) + 1_000_000_000n);
});

test("and with holdfast, by the command on the page", async () => {
  await using here = await station();
  await using lost = await startCluster({ line: "3.6" });
  await fillWithHistory(lost.endpoints[0]!);
  const { id } = await here.backup(lost);
  const kit = await readFile(here.key("recovery-kit.md"), "utf8");
  const command = blocksOf(kit).find(({ language }) => language === "text");
  const words = command!.text
    .replaceAll(/\\\n|'/g, "")
    .split(/\s+/)
    .slice(1);
  const argv = words.map((word) => {
    if (word === "/var/lib/etcd") return here.file("etcd");
    return word === "identity.txt" || word === "allowed-signers" ? here.key(word) : word;
  });
  const { status, stdout, stderr } = await here.run(argv);
  assert.equal(status, 0, stderr);
  assert.match(stdout, new RegExp(`^Restored ${id}`));
});

test("a signature that is not ours stops it before anything is opened", async () => {
  await using here = await station();
  await using other = await station();
  await using cluster = await startCluster({ line: "3.6" });
  await fillWithHistory(cluster.endpoints[0]!);
  const forging = here.writing.map((flag) =>
    flag.startsWith("--signing-key") ? `--signing-key=${other.key("signing-key")}` : flag,
  );
  const { status } = await here.run(["backup", ...forging, `--endpoints=${cluster.endpoints[0]}`]);
  assert.equal(status, 0);
  await using machine = await freshMachine();
  const followed = await machine.type(await typed(here));
  assert.notEqual(followed.status, 0);
  assert.doesNotMatch(followed.stdout, /OK|Good/);
});
