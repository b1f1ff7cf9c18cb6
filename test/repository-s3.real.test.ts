/** The whole way over a real S3 service, by its environment, with connections that break in the middle. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { Manifest } from "../src/repository/manifest.ts";
import { runCommand } from "./support/cli.ts";
import { startCluster } from "./support/etcd.ts";
import { faultProxy } from "./support/fault-proxy.ts";
import { fill } from "./support/fill.ts";
import { scratch } from "./support/scratch.ts";
import { S3_ENV, startS3 } from "./support/versitygw.ts";

test("backup, verify and restore over S3, when connections break while bytes flow", async () => {
  await using folder = await scratch();
  await using service = await startS3();
  await using proxy = await faultProxy(service.endpoint);
  await using cluster = await startCluster({ line: "3.6" });
  await fill(cluster.endpoints[0]!, {
    keys: 500,
    noise: 12,
    seed: 3,
    updates: 0,
    deletes: 0,
  });
  const bucket = await service.createBucket();
  const url = `s3://${bucket}/etcd?endpoint=${proxy.url}&region=us-east-1&pathStyle=true`;
  const env = { ...S3_ENV, HOLDFAST_REPO: url, HOLDFAST_CLUSTER: "prod" };
  const run = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await runCommand(args, { env });
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const key = (name: string): string => folder.file("keys", name);
  await run("init", "--out", folder.file("keys"));

  const isData = ({ path }: { path: string }): boolean => path.includes(".db.zst.age");
  proxy.inject({
    matches: (request) => request.method === "PUT" && isData(request),
    fault: { kind: "reset-request", afterBytes: 100_000 },
  });
  const seals = [
    `--recipients-file=${key("recipients.txt")}`,
    `--signing-key=${key("signing-key")}`,
  ];
  const endpoints = `--endpoints=${cluster.endpoints[0]}`;
  const backup = JSON.parse(await run("backup", ...seals, endpoints, "-o", "json")) as Manifest;

  const { size } = backup.objects[0]!;
  assert.ok(size > 9 << 20, `${size} bytes are read in one range`);

  const opens = [
    `--identity=${key("identity.txt")}`,
    `--allowed-signers=${key("allowed-signers")}`,
  ];
  for (const fault of [
    { kind: "reset-answer", afterBytes: 300_000 },
    { kind: "cut-answer", afterBytes: 1_000_000 },
  ] as const)
    proxy.inject({ matches: (request) => request.method === "GET" && isData(request), fault });
  const dataDir = folder.file("etcd");
  const told = await run("restore", "latest", ...opens, `--data-dir=${dataDir}`, "-o", "json");
  const { proven, id } = JSON.parse(told) as { id: string; proven: { hash: number } };
  assert.deepEqual([id, proven.hash], [backup.id, backup.hashKV.hash]);
  assert.ok((await readFile(join(dataDir, "member", "snap", "db"))).length > 0);
  const broken = proxy.seen.filter(({ fault }) => fault !== undefined);
  assert.deepEqual(
    broken.map(({ fault }) => fault),
    ["reset-request", "reset-answer", "cut-answer"],
  );
  // in several ranges at once, and each of the broken ones again from where it broke off
  const ranges = proxy.seen.filter((request) => request.method === "GET" && isData(request));
  const begins = ranges.map(({ headers }) => Number(/bytes=(\d+)/.exec(headers.range ?? "")?.[1]));
  assert.ok(begins.includes(8 << 20), begins.join());
  assert.ok(
    begins.some((at) => at % (8 << 20) > 0),
    begins.join(),
  );
  await run("verify", "--read-data", ...opens);
});
