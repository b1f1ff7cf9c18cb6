/** What the tests of `snapshot save` have in common. */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { inspectStream } from "../../src/inspect/inspect.ts";
import { fileSource } from "../../src/io/source.ts";
import type { Cluster } from "./etcd.ts";
import { holdfast } from "./holdfast.ts";
import type { Scratch } from "./scratch.ts";

/** What a save from this URL needs beside its file. */
export function access(cluster: Cluster, urls: readonly string[] = cluster.endpoints): string[] {
  const flags = [`--endpoints=${urls.join(",")}`];
  const { tls, auth } = cluster;
  if (tls) flags.push(`--cacert=${tls.caFile}`, `--cert=${tls.certFile}`, `--key=${tls.keyFile}`);
  if (auth) flags.push(`--user=${auth.user}`);
  return flags;
}

export function save(file: string, flags: readonly string[], cluster?: Cluster) {
  const env = cluster?.auth ? { ETCDCTL_PASSWORD: cluster.auth.password } : {};
  return holdfast(["snapshot", "save", file, ...flags], { env });
}

/** Everything that is in the folder. */
export async function left({ path }: Scratch): Promise<string[]> {
  return (await readdir(path)).toSorted();
}

/** The revision of a snapshot in which nothing is found. */
export async function revisionOf(file: string): Promise<bigint> {
  await using source = await fileSource(file);
  const { report } = await inspectStream(source, { requireTrailer: true });
  assert.deepEqual(report.findings, []);
  assert.equal(report.trailer, "verified");
  return report.revision;
}

/** Some megabytes, so that a save can be caught half-way. */
export const SEVERAL_MB = { keys: 1500, seed: 7, valueBytes: [2000, 4000], parallel: 8 } as const;

/** Waits for a condition that is bound to come. */
export async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
}
