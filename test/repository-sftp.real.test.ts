/** The whole way over a real sshd, with connections that break in the middle, and an interruption while it is silent. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { startCluster } from "./support/etcd.ts";
import { fill } from "./support/fill.ts";
import { startHoldfast } from "./support/holdfast.ts";
import type { Running } from "./support/program.ts";
import { scratch } from "./support/scratch.ts";
import { sftpUrl } from "./support/sftp-place.ts";
import { startSshd } from "./support/sshd.ts";
import { connectionFlags, station } from "./support/station.ts";
import { tcpFaultProxy } from "./support/tcp-fault-proxy.ts";

const MIB = 1 << 20;

test("backup, list, verify, restore and prune over SFTP, when connections break while bytes flow", async () => {
  await using server = await startSshd();
  await using proxy = await tcpFaultProxy(server);
  await using folder = await scratch();
  await using cluster = await startCluster({ line: "3.6" });
  await fill(cluster.endpoints[0]!, {
    keys: 500,
    noise: 6,
    seed: 3,
    updates: 0,
    deletes: 0,
  });
  await using here = await station("prod", sftpUrl(server, folder.path, { port: proxy.port }));
  const run = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await here.run(args);
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const first = await here.backup(cluster);
  const { size } = first.objects.find(({ role }) => role === "snapshot")!;
  assert.ok(size > 4 * MIB, `${size} bytes`);

  const upload = proxy.inject({ fault: { direction: "up", kind: "reset", afterBytes: 2 * MIB } });
  assert.equal((await cluster.ctl("put", "/later", "1")).status, 0);
  const second = await here.backup(cluster);
  await upload.struck;
  const listed = await here.list();
  assert.deepEqual(
    listed.map(({ id }) => id),
    [second.id, first.id],
  );

  const verify = proxy.inject({ fault: { direction: "down", kind: "close", afterBytes: 2 * MIB } });
  const signing = `--signing-key=${here.key("signing-key")}`;
  const proven = await run("verify", "--read-data", ...here.reading, signing);
  await verify.struck;
  assert.match(proven, new RegExp(`^ok {2}${second.id} {2}contents`, "m"));

  const download = proxy.inject({
    fault: { direction: "down", kind: "flip", afterBytes: 3 * MIB },
  });
  const dataDir = here.file("etcd");
  const told = await run("restore", ...here.reading, `--data-dir=${dataDir}`, "-o", "json");
  await download.struck;
  const restored = JSON.parse(told) as { id: string; proven: { hash: number } };
  assert.deepEqual([restored.id, restored.proven.hash], [second.id, second.hashKV.hash]);
  assert.ok((await readFile(join(dataDir, "member", "snap", "db"))).length > size);

  const incoming = folder.file(".incoming");
  assert.deepEqual(await readdir(incoming), []);
  const stall = { direction: "up", kind: "stall", afterBytes: 2 * MIB } as const;
  const inTheMiddle = async (): Promise<Running> => {
    const stalled = proxy.inject({ fault: stall });
    const running = startHoldfast(["backup", ...here.writing, ...connectionFlags(cluster)]);
    await stalled.struck;
    return running;
  };
  const interrupted = await inTheMiddle();
  interrupted.kill("SIGINT");
  // it tidies up over another connection
  proxy.inject({ fault: stall });
  proxy.resetAll();
  const { status, stdout, stderr } = await interrupted.finished;
  assert.deepEqual([status, stdout], [130, ""], stderr);
  assert.deepEqual(await readdir(incoming), []);
  proxy.heal();
  const killed = await inTheMiddle();
  killed.kill("SIGKILL");
  await killed.finished;
  assert.equal((await readdir(incoming)).length, 1, "nobody took it away");
  assert.equal((await here.list()).length, 2);

  const trust = here.reading.filter((flag) => !flag.startsWith("--identity="));
  const prune = ["prune", ...trust, "--keep-last=1", "--yes"];
  await run(...prune);
  assert.equal((await readdir(incoming)).length, 1, "it may be somebody's yet");
  await run(...prune, "--sweep-after=0m");
  assert.deepEqual(await readdir(incoming), []);
  assert.deepEqual(
    (await here.list()).map(({ id }) => id),
    [second.id],
  );
  await run("verify", "--read-data", ...here.reading);
});
