/** Who the SFTP driver believes, and as whom it logs in. */
import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync } from "node:crypto";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { after, test } from "node:test";
import type { ErrorCode } from "../src/errors.ts";
import { createLog } from "../src/io/log.ts";
import { openDriver, openStore } from "../src/store/open.ts";
import { output, start } from "./support/program.ts";
import { scratch } from "./support/scratch.ts";
import { HASTY, PLAIN, sftpUrl, type Detour } from "./support/sftp-place.ts";
import { freePort, makeKey, startSshd } from "./support/sshd.ts";
import { fails, keys, put, waiting } from "./support/store-subject.ts";

const server = await startSshd();
after(() => server[Symbol.asyncDispose]());

function urlOf(path: string, parameters: Detour["parameters"] = {}): string {
  return sftpUrl(server, path, { parameters });
}

/** An ssh-agent with no key in it yet. */
async function startAgent(socket: string) {
  const env = { ...process.env, ...server.env, SSH_AUTH_SOCK: socket };
  const agent = start("ssh-agent", ["-D", "-a", socket], { env });
  await agent.wrote(/SSH_AUTH_SOCK/);
  return {
    socket,
    add: (key: string) => output("ssh-add", ["-q", key], { env }),
    forget: () => output("ssh-add", ["-q", "-D"], { env }),
    async [Symbol.asyncDispose]() {
      agent.kill("SIGTERM");
      await agent.finished;
    },
  };
}

async function refused(code: ErrorCode, url: string, words: RegExp): Promise<void> {
  await using store = await openDriver(url, { ...PLAIN, persistence: HASTY });
  const given = store.stat("a", waiting);
  await fails(code, given);
  await assert.rejects(given, words);
  const putting = put(store, "a", 10);
  await fails(code, putting);
}

test("a server that is not in known_hosts is refused, and its fingerprint told", async () => {
  const empty = server.folder.file("empty");
  await writeFile(empty, "");
  for (const knownHosts of [empty, server.folder.file("missing")])
    await refused(
      "store-misconfigured",
      urlOf("/tmp/x", { knownHosts }),
      /SHA256:.* is not in the file/,
    );
});

test("another host key is refused, of the same kind or of another", async () => {
  const knownHosts = server.folder.file("other-hosts");
  for (const type of ["ed25519", "ecdsa", "rsa"]) {
    const other = await makeKey(server.folder, `other-${type}`, type);
    const key = await output("cat", [`${other}.pub`]);
    await writeFile(knownHosts, `[127.0.0.1]:${server.port} ${key}`);
    await refused("store-misconfigured", urlOf("/tmp/x", { knownHosts }), /another server answers/);
  }
  await writeFile(knownHosts, `[127.0.0.1]:* ${server.hostKey}\n@revoked * ${server.hostKey}\n`);
  await refused("store-misconfigured", urlOf("/tmp/x", { knownHosts }), /revoked/);
});

test("a hashed known_hosts, in the home folder, is read", async () => {
  await using folder = await scratch();
  const salt = Buffer.alloc(20, 7);
  const name = `[127.0.0.1]:${server.port}`;
  const hash = createHmac("sha1", salt).update(name).digest("base64");
  await mkdir(folder.file(".ssh"));
  const line = `|1|${salt.toString("base64")}|${hash} ${server.hostKey}\n`;
  await writeFile(folder.file(".ssh", "known_hosts"), line);
  const url = urlOf(folder.file("store"), { knownHosts: "" });
  await using store = await openDriver(url, { ...PLAIN, env: { HOME: folder.path } });
  await put(store, "a", 10);
  assert.deepEqual(await keys(store), ["a"]);
});

test("a key that the server does not know is refused", async () => {
  const identityFile = await makeKey(server.folder, "stranger");
  await refused("store-refused", urlOf("/tmp/x", { identityFile }), /may not log in/);
});

test("a key with a passphrase takes it from a file, and never tells it", async () => {
  await using folder = await scratch();
  const identityFile = folder.file("locked");
  await copyFile(server.identityFile, identityFile);
  const change = ["-q", "-p", "-P", "", "-N", "correct horse", "-f", identityFile];
  await output("ssh-keygen", change, { env: { ...process.env, ...server.env } });
  const passphraseFile = folder.file("passphrase");
  await writeFile(passphraseFile, "correct horse\n");
  const parameters = { identityFile, passphraseFile };
  await using store = await openDriver(urlOf(folder.file("store"), parameters), PLAIN);
  await put(store, "a", 10);
  assert.deepEqual(await keys(store), ["a"]);
  await writeFile(passphraseFile, "wrong horse\n");
  const locked = openDriver(urlOf("/tmp/x", parameters), PLAIN);
  await fails("store-misconfigured", locked);
  await assert.rejects(locked, (error: Error) => !error.message.includes("horse"));
  const without = openDriver(urlOf("/tmp/x", { identityFile }), PLAIN);
  await fails("store-misconfigured", without);
});

test("a key in a format that is not read is told, and how to rewrite it", async () => {
  await using folder = await scratch();
  const identityFile = folder.file("pkcs8");
  const privateKeyEncoding = { type: "pkcs8", format: "pem" } as const;
  const publicKeyEncoding = { type: "spki", format: "pem" } as const;
  const encodings = { modulusLength: 2048, privateKeyEncoding, publicKeyEncoding };
  await writeFile(identityFile, generateKeyPairSync("rsa", encodings).privateKey, { mode: 0o600 });
  const open = () => openDriver(urlOf("/tmp/x", { identityFile }), PLAIN);
  const hint = /is rewritten by: ssh-keygen -p -f "(.*)"$/;
  await assert.rejects(open, { code: "store-misconfigured", hint });
  const rewrite = ["-q", "-p", "-P", "", "-N", "", "-f", identityFile];
  await output("ssh-keygen", rewrite, { env: { ...process.env, ...server.env } });
  await using store = await open();
  await fails("store-refused", store.stat("a", waiting));
});

test("a passphrase without a key is refused, and a known_hosts that cannot be read", async () => {
  const { identityFile: passphraseFile, folder } = server;
  const env = { SSH_AUTH_SOCK: "/nowhere" };
  for (const [parameters, words] of [
    [{ identityFile: "", passphraseFile }, /passphraseFile is given, but no key/],
    [{ knownHosts: folder.path }, /cannot read ".*": illegal operation on a directory$/],
  ] as const) {
    const given = openDriver(urlOf("/tmp/x", parameters), { ...PLAIN, env });
    await fails("store-misconfigured", given);
    await assert.rejects(given, words);
  }
});

test("without an agent and without a key of the usual names there is nothing to log in with", async () => {
  for (const env of [{}, { SSH_AUTH_SOCK: "", HOME: "" }]) {
    const none = openDriver(urlOf("/tmp/x", { identityFile: "" }), { ...PLAIN, env });
    await fails("store-misconfigured", none);
  }
});

test("an agent is asked when no key is named, and told when it knows too many", async () => {
  await using folder = await scratch();
  await using agent = await startAgent(folder.file("agent"));
  await agent.add(server.identityFile);
  const url = urlOf(folder.file("store"), { identityFile: "" });
  const options = { ...PLAIN, env: { SSH_AUTH_SOCK: agent.socket } };
  await using store = await openDriver(url, options);
  await put(store, "a", 10);
  assert.deepEqual(await keys(store), ["a"]);

  await agent.forget();
  for (let n = 0; n < 7; n++) await agent.add(await makeKey(folder, `key-${n}`));
  await using crowded = await openStore(url, options);
  await assert.rejects(
    crowded.stat("a", waiting),
    /the agent \(Too many authentication failures\)/,
  );
  await fails("store-refused", crowded.stat("a", waiting));
});

test("after an agent that is gone the keys of the usual names are tried", async () => {
  await using folder = await scratch();
  const env = { SSH_AUTH_SOCK: folder.file("gone"), HOME: folder.path };
  const url = urlOf(folder.file("store"), { identityFile: "" });
  await mkdir(folder.file(".ssh"));
  await using without = await openDriver(url, { ...PLAIN, env });
  await fails("store-refused", without.stat("a", waiting));
  await assert.rejects(without.stat("a", waiting), /the agent \(Failed to connect to agent\)/);
  await copyFile(server.identityFile, folder.file(".ssh", "id_ed25519"));
  await using store = await openDriver(url, { ...PLAIN, env });
  await put(store, "a", 10);
  assert.deepEqual(await keys(store), ["a"]);
});

test("nobody listens", async () => {
  const url = sftpUrl(server, "/tmp/x", { port: await freePort() });
  await using store = await openDriver(url, PLAIN);
  await fails("store-unreachable", store.stat("a", waiting));
  await assert.rejects(store.stat("a", waiting), /cannot connect to .*ECONNREFUSED/);
});

test("no secret is told, not even with --debug", async () => {
  await using folder = await scratch();
  const lines: string[] = [];
  const settings = { format: "json", debug: true, color: false } as const;
  const log = createLog((line) => void lines.push(line), settings);
  await using store = await openStore(urlOf(folder.path), { env: {}, log });
  await put(store, "a", 10);
  assert.doesNotMatch(lines.join(), /PRIVATE KEY/);
});
