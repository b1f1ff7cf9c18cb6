import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { PassThrough, Readable } from "node:stream";
import { test } from "node:test";
import { Command } from "commander";
import { scratch } from "../../../test/support/scratch.ts";
import { HoldfastError, type ErrorCode } from "../../errors.ts";
import { fromGoFlags } from "../arguments.ts";
import { addConnectionFlags, clusterSettings, type ClusterSettings } from "./connection.ts";
import type { Context } from "../context.ts";

interface Outcome extends ClusterSettings {
  readonly warnings: readonly string[];
}

async function settings(argv: readonly string[], env: Context["env"] = {}): Promise<Outcome> {
  const warnings: string[] = [];
  const nothing = (): void => {};
  const context = {
    signal: new AbortController().signal,
    env,
    log: {
      debug: nothing,
      info: nothing,
      error: nothing,
      warn: (text: string) => warnings.push(text),
    },
    stdin: Readable.from([]),
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    progress: () => ({ update: nothing, [Symbol.dispose]: nothing }),
  };
  const command = addConnectionFlags(new Command("test"))
    .exitOverride()
    .configureOutput({ writeErr: nothing });
  for (const option of command.options.filter((one) => one.isBoolean()))
    command.option(option.long!.replace("--", "--no-"));
  await command.parseAsync(fromGoFlags(argv, command.options), { from: "user" });
  return { ...(await clusterSettings(command, context)), warnings };
}

async function refuses(code: ErrorCode, argv: readonly string[], env = {}): Promise<void> {
  await assert.rejects(
    settings(argv, env),
    (error) => error instanceof HoldfastError && error.code === code,
  );
}

test("the defaults are etcdctl's, and no more than 30 s without progress", async () => {
  assert.deepEqual(await settings([]), {
    connection: {
      endpoints: ["127.0.0.1:2379"],
      discovery: undefined,
      tls: undefined,
      user: undefined,
      token: undefined,
      noProgressMs: 30_000,
      keepAlive: undefined,
    },
    stragglersMs: 2000,
    commandTimeoutMs: undefined,
    warnings: [],
  });
});

test("--endpoints takes a list, and adds up", async () => {
  const { connection } = await settings(["--endpoints=a:1, b:2", "--endpoints", "https://c:3"]);
  assert.deepEqual(connection.endpoints, ["a:1", "b:2", "https://c:3"]);
});

test("the environment counts where no flag is given", async () => {
  const env = {
    ETCDCTL_API: "3",
    ETCDCTL_ENDPOINTS: "a:1,b:2",
    ETCDCTL_CACERT: "/env/ca.crt",
    ETCDCTL_CERT: "/env/client.crt",
    ETCDCTL_KEY: "/env/client.key",
    ETCDCTL_INSECURE_SKIP_TLS_VERIFY: "false",
    ETCDCTL_DIAL_TIMEOUT: "5s",
    ETCDCTL_COMMAND_TIMEOUT: "1m",
    ETCDCTL_USER: "root:one:two",
    ETCDCTL_EMPTY: "",
  };
  const found = await settings(["--cacert", "/flag/ca.crt"], env);
  assert.deepEqual(found.connection.endpoints, ["a:1", "b:2"]);
  assert.deepEqual(found.connection.tls, {
    caFile: "/flag/ca.crt",
    certFile: "/env/client.crt",
    keyFile: "/env/client.key",
    serverName: undefined,
    skipVerify: false,
  });
  assert.deepEqual(found.connection.user, { name: "root", password: "one:two" });
  assert.equal(found.stragglersMs, 5000);
  assert.equal(found.commandTimeoutMs, 60_000);
  assert.deepEqual(found.warnings, []);
});

test("a variable that makes no sense is named", async () => {
  await assert.rejects(settings([], { ETCDCTL_DIAL_TIMEOUT: "soon" }), {
    code: "unknown-flag",
    message: 'invalid value "soon" in ETCDCTL_DIAL_TIMEOUT: want a duration like 30s or 1m30s',
  });
  await assert.rejects(settings([], { ETCDCTL_INSECURE_TRANSPORT: "maybe" }), {
    code: "unknown-flag",
    message: 'invalid value "maybe" in ETCDCTL_INSECURE_TRANSPORT: want true or false',
  });
});

test("TLS is wanted when any flag of it says so", async () => {
  for (const flag of [
    "--cacert=x",
    "--cert=x",
    "--key=x",
    "--tls-server-name=x",
    "--insecure-transport=false",
  ])
    assert.notEqual((await settings([flag])).connection.tls, undefined, flag);
  await refuses("usage", ["--cacert="]);
});

test("SRV records with --insecure-discovery=false bind the certificates to the domain", async () => {
  const loose = await settings(["-d", "example.com", "--discovery-srv-name", "blue"]);
  assert.deepEqual(loose.connection.discovery, {
    domain: "example.com",
    serviceName: "blue",
    acceptPlain: true,
  });
  assert.equal(loose.connection.tls, undefined);
  const strict = await settings(["-d", "example.com", "--insecure-discovery=false"]);
  assert.equal(strict.connection.discovery?.acceptPlain, false);
  assert.equal(strict.connection.tls?.serverName, "example.com");
});

test("what is not safe is warned of", async () => {
  const skip = await settings(["--insecure-skip-tls-verify"]);
  assert.equal(skip.connection.tls?.skipVerify, true);
  assert.match(skip.warnings.join(), /not checked/);
  const plain = await settings(["--endpoints=http://a:1,https://b:1", "--cacert=x"]);
  assert.match(plain.warnings.join(), /not encrypted.*http:\/\/a:1 /);
});

test("a password may come in five ways, and two of them are warned of", async () => {
  await using folder = await scratch();
  await writeFile(folder.file("password"), "s3cret\nmore\n");
  const ways = [
    [["--user=root:s3cret"], {}, true],
    [["--user=root", "--password=s3cret"], {}, true],
    [["--user=root", `--password-file=${folder.file("password")}`], {}, false],
    [["--user=root"], { ETCDCTL_PASSWORD: "s3cret" }, false],
    [[], { ETCDCTL_USER: "root:s3cret" }, false],
  ] as const;
  for (const [argv, env, isWarnedOf] of ways) {
    const found = await settings(argv, env);
    assert.deepEqual(found.connection.user, { name: "root", password: "s3cret" }, argv.join(" "));
    assert.equal(found.warnings.length, isWarnedOf ? 1 : 0, argv.join(" "));
    assert.doesNotMatch(found.warnings.join(), /s3cret/);
  }
});

test("a password file that holds no password is named, and never read for ever", async () => {
  await using folder = await scratch();
  await writeFile(folder.file("empty"), "\nx");
  await writeFile(folder.file("long"), new Uint8Array(5 << 20));
  const files = [
    [folder.file("empty"), /its first line is empty$/],
    [folder.file("long"), /it is longer than 4 MiB$/],
    [folder.file("none"), /none": no such file or directory$/],
    [folder.path, /illegal operation on a directory$/],
    ["/dev/zero", /it is longer than 4 MiB$/],
  ] as const;
  for (const [path, message] of files)
    await assert.rejects(settings(["--user=root", `--password-file=${path}`]), {
      code: "usage",
      message,
    });
});

test("a user without a password and without a terminal is told what to do", async () => {
  await refuses("usage", ["--user=root"]);
  await refuses("usage", ["--user=root", "--auth-jwt-token=x"]);
});

test("--no-progress is a duration, in spite of its name", async () => {
  assert.equal((await settings(["--no-progress", "1m30s"])).connection.noProgressMs, 90_000);
  assert.equal((await settings(["--no-progress=5s"])).connection.noProgressMs, 5000);
  await assert.rejects(settings(["--no-progress", "0s"]), /like 30s/);
});

test("pings are sent when asked for, and not more often than etcd allows", async () => {
  const { connection } = await settings(["--keepalive-time=2s", "--keepalive-timeout=6s"]);
  assert.deepEqual(connection.keepAlive, { timeMs: 10_000, timeoutMs: 6000 });
  const other = await settings(["--keepalive-time=1m"]);
  assert.deepEqual(other.connection.keepAlive, { timeMs: 60_000, timeoutMs: 30_000 });
});

test("none or less turns pings and the limit for further endpoints off, as in etcdctl", async () => {
  for (const none of ["0", "0s", "-1s"]) {
    const { connection } = await settings([`--keepalive-time=${none}`, "--keepalive-timeout=6s"]);
    assert.equal(connection.keepAlive, undefined, none);
    const patient = await settings(["--keepalive-time=1m", `--keepalive-timeout=${none}`]);
    assert.equal(patient.connection.keepAlive?.timeoutMs, 30_000, none);
    assert.equal((await settings([`--dial-timeout=${none}`])).stragglersMs, 30_000, none);
    assert.equal((await settings([], { ETCDCTL_DIAL_TIMEOUT: none })).stragglersMs, 30_000, none);
  }
  await assert.rejects(settings(["--command-timeout=0s"]), /like 30s/);
});

test("etcdctl's other global flags are taken", async () => {
  await settings(["--hex", "--max-request-bytes=1", "--max-recv-bytes", "2"]);
});
