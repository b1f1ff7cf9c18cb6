/** Nothing that a run writes anywhere, and nothing that it stores, holds a secret that it was given. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { connect } from "./support/client.ts";
import { startCluster } from "./support/etcd.ts";
import { holdfast } from "./support/holdfast.ts";
import { station, type Station } from "./support/station.ts";
import { stockOutput } from "./support/stock.ts";

const PASSPHRASE = "correct-horse-battery-staple";
const AWS = {
  AWS_ACCESS_KEY_ID: "AKIAHOLDFASTTEST",
  AWS_SECRET_ACCESS_KEY: "aws-secret-of-the-test",
};
const VALUE = "the-value-of-a-kubernetes-secret";

async function run(
  traces: string[],
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const { stdout, stderr, status } = await holdfast(args, { env });
  traces.push(stdout, stderr);
  return status ?? -1;
}

/** Long pieces of every line of a key file: a part would be too much as well. */
function pieces(text: string): string[] {
  return text.split("\n").flatMap((line) => line.match(/[A-Za-z0-9+/=-]{40,}/g) ?? []);
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return Promise.all(
    files.map(
      async ({ parentPath, name }) => `${await readFile(join(parentPath, name), "latin1")}`,
    ),
  );
}

async function secretsOf(here: Station): Promise<string[]> {
  const identity = await readFile(here.key("identity.txt"), "utf8");
  const signing = await readFile(here.key("locked"), "utf8");
  return [
    ...pieces(identity.split("\n")[2]!),
    ...pieces(signing).slice(0, 4),
    "hunter2",
    PASSPHRASE,
    ...Object.values(AWS),
    VALUE,
  ];
}

test("secrets are in no output, no error and no object", async () => {
  await using here = await station();
  await using cluster = await startCluster({ line: "3.6", auth: true });
  {
    using client = await connect(cluster.endpoints[0]!, cluster);
    await client.put("/registry/secrets/default/db", VALUE);
  }
  const locked = here.key("locked");
  const unlocked = await readFile(here.key("signing-key"));
  await stockOutput("ssh-keygen", ["-q", "-t", "ed25519", "-N", PASSPHRASE, "-f", locked]);
  const pub = await readFile(`${locked}.pub`, "utf8");
  assert.ok(unlocked.length > 0 && pub.startsWith("ssh-ed25519"));

  const env = {
    ...AWS,
    HOLDFAST_PASSPHRASE: PASSPHRASE,
    ETCDCTL_USER: "root",
    ETCDCTL_PASSWORD: "hunter2",
    ETCDCTL_ENDPOINTS: cluster.endpoints[0]!,
  };
  const traces: string[] = [];
  const loud = ["--debug", "--log-format=json"];
  const writing = here.writing.filter((flag) => !flag.startsWith("--signing-key"));
  const backup = ["backup", ...writing, ...loud];
  const place = writing.filter((flag) => !flag.startsWith("--recipients"));
  const reading = [...here.reading, "--skip-signature-check", ...loud];
  const statuses = [
    await run(traces, [...backup, `--signing-key=${locked}`, "-o", "json"], env),
    await run(traces, [...backup, `--signing-key=${locked}`], {
      ...env,
      HOLDFAST_PASSPHRASE: "wrong",
    }),
    await run(traces, [...backup, `--signing-key=${locked}`], {
      ...env,
      ETCDCTL_PASSWORD: "wrong",
    }),
    await run(traces, [...backup, "--seal=passphrase", `--signing-key=${locked}`], env),
    await run(traces, ["backup", ...loud, "--repo=s3://user:hunter2@bucket/x"], env),
    await run(traces, ["list", ...place, "-o", "json"], env),
    await run(traces, ["show", "latest", ...place], env),
    await run(traces, ["verify", "--read-data", ...here.reading, ...loud], env),
    await run(
      traces,
      ["restore", ...reading, `--data-dir=${here.file("etcd")}`, "-o", "json"],
      env,
    ),
    await run(
      traces,
      [
        "restore",
        ...place,
        ...loud,
        `--data-dir=${here.file("x")}`,
        `--identity=${locked}`,
        "--skip-signature-check",
      ],
      env,
    ),
  ];
  // the verification knows nobody who signed with the locked key, and an SSH key opens nothing of this
  assert.deepEqual(
    statuses.map((status) => status === 0),
    [true, false, false, true, false, true, true, false, true, true],
  );
  traces.push(...(await filesIn(here.repo)));
  const secrets = await secretsOf(here);
  assert.ok(secrets.length >= 9, `${secrets.length} secrets`);
  for (const secret of secrets)
    for (const text of traces)
      assert.ok(!text.includes(secret), `${secret.slice(0, 12)}… is in ${text.slice(0, 300)}`);
  // the search itself finds what is there
  const key = await filesIn(here.file("keys"));
  assert.ok(secrets.slice(0, 5).every((secret) => key.some((text) => text.includes(secret))));
});
