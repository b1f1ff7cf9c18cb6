/** The rsync driver over a real sshd. */
import assert from "node:assert/strict";
import { chmod, copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { silentLog } from "../src/io/log.ts";
import { openDriver, type OpenOptions } from "../src/store/open.ts";
import type { Persistence } from "../src/store/retry.ts";
import { pattern } from "./support/body.ts";
import { part } from "./support/parts.ts";
import { output } from "./support/program.ts";
import { RSYNC_CAPABILITIES, rsyncSubject, storeInOddFolder } from "./support/rsync-subject.ts";
import { scratch } from "./support/scratch.ts";
import { makeKey, startSshd } from "./support/sshd.ts";
import { storeContract } from "./support/store-contract.ts";
import { fails, keys, put, read, waiting } from "./support/store-subject.ts";

const MIB = 1 << 20;
const server = await startSshd();
after(async () => server[Symbol.asyncDispose]());
const PLAIN: OpenOptions = { env: server.env, log: silentLog };
const HASTY: Persistence = { stallMs: 1000, noProgressMs: 15_000, firstPauseMs: 10 };

function sshUrl(path: string, parameters: Readonly<Record<string, string>> = {}): string {
  const { identityFile, knownHosts, user, port } = server;
  const query = Object.entries({ identityFile, knownHosts, ...parameters });
  const text = query.map(([name, value]) => `${name}=${value}`).join("&");
  return `rsync+ssh://${user}@127.0.0.1:${port}${path}?${text}`;
}

storeContract("a folder behind rsync over ssh", {
  open: () =>
    rsyncSubject((name) => sshUrl(`${server.folder.path}/${name}`), server.folder.path, PLAIN.env),
  expected: RSYNC_CAPABILITIES,
  largest: 9 * MIB,
  many: 20,
});

async function refused(code: Parameters<typeof fails>[0], url: string): Promise<void> {
  await using store = await openDriver(url, { ...PLAIN, persistence: HASTY });
  await fails(code, put(store, "a", 10));
}

test("an unknown host and a wrong key are refused", async () => {
  const knownHosts = server.folder.file("nobody");
  await writeFile(knownHosts, "");
  await refused("store-misconfigured", sshUrl("/tmp/x", { knownHosts }));
  const other = await makeKey(server.folder, "stranger");
  await refused("store-refused", sshUrl("/tmp/x", { identityFile: other }));
});

test("a key with a passphrase is not supported, and said so", async () => {
  const given = openDriver(sshUrl("/tmp/x", { passphraseFile: "/tmp/none" }), PLAIN);
  await fails("store-unsupported", given);
});

test("a key that is not there, and one that everybody can read, are told", async () => {
  const { folder } = server;
  await fails(
    "store-misconfigured",
    openDriver(sshUrl("/tmp/x", { identityFile: folder.file("none") }), PLAIN),
  );
  const identityFile = folder.file("open-key");
  await copyFile(server.identityFile, identityFile);
  await copyFile(`${server.identityFile}.pub`, `${identityFile}.pub`);
  await chmod(identityFile, 0o644);
  await using store = await openDriver(sshUrl("/tmp/x", { identityFile }), PLAIN);
  await assert.rejects(store.stat("a", waiting), {
    code: "store-misconfigured",
    message: /: WARNING: UNPROTECTED PRIVATE KEY FILE!$/,
    hint: /chmod 600/,
  });
});

test("a path is taken as it is, whatever a shell on the other side would make of it", async () => {
  const { path } = server.folder;
  await storeInOddFolder((name) => sshUrl(`${path}/${name}`), path, PLAIN);
});

const hasPython = await output("python3", ["--version"]).then(
  () => true,
  () => false,
);

test("a folder to which rrsync restricts the key is a store", { skip: !hasPython }, async () => {
  await using folder = await scratch();
  const bin = await part("ssh-rsync");
  const script = await readFile(join(bin, "rrsync"), "utf8");
  await writeFile(
    folder.file("rrsync"),
    script.replace(/^RSYNC = .*/m, `RSYNC = '${join(bin, "rsync")}'`),
  );
  await using own = await startSshd({
    settings: [`ForceCommand python3 ${folder.file("rrsync")} ${folder.path}`],
  });
  const { identityFile, knownHosts, user, port } = own;
  const url = `rsync+ssh://${user}@127.0.0.1:${port}/store?identityFile=${identityFile}&knownHosts=${knownHosts}`;
  await using store = await openDriver(url, PLAIN);
  assert.deepEqual(await keys(store), []);
  await put(store, "a/b", 1000);
  assert.deepEqual(await read(store, "a/b"), pattern("a/b", 1000));
  await store.delete("a/b", waiting);
  assert.deepEqual(await keys(store), []);
});
