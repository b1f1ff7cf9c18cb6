/** etcdctl on one member: a token that one member gave may be new to the next one for a moment. */
import assert from "node:assert/strict";
import { etcdBinaries } from "../support/etcd.ts";
import type { Cluster } from "../support/etcd.ts";
import { run } from "../support/program.ts";
import type { Finished } from "../support/program.ts";

/** How to get in, for etcdctl and holdfast alike. */
export interface Access {
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export function accessTo({ tls, auth }: Pick<Cluster, "tls" | "auth">, url: string): Access {
  const flags = [`--endpoints=${url}`];
  if (tls) flags.push(`--cacert=${tls.caFile}`, `--cert=${tls.certFile}`, `--key=${tls.keyFile}`);
  if (auth) flags.push(`--user=${auth.user}`);
  return { flags, env: auth ? { ETCDCTL_PASSWORD: auth.password } : {} };
}

/** Its own limit is 5 s, within which a busy machine does not always hash a password for etcd's servers. */
const PATIENCE = "--command-timeout=60s";

/** Runs the etcdctl of the cluster's version, whatever its status. */
export async function etcdctl(cluster: Cluster, url: string, ...args: string[]): Promise<Finished> {
  const { flags, env } = accessTo(cluster, url);
  const program = (await etcdBinaries(cluster.line)).etcdctl;
  const api = cluster.line === "3.4" ? { ETCDCTL_API: "3" } : {};
  return run(program, [...args, PATIENCE, ...flags], { env: { ...env, ...api } });
}

/** The lines that it prints; it has to succeed. */
export async function etcdctlLines(
  cluster: Cluster,
  url: string,
  ...args: string[]
): Promise<string[]> {
  const { status, stdout, stderr } = await etcdctl(cluster, url, ...args);
  assert.equal(status, 0, stderr);
  return stdout.split("\n").filter((line) => line !== "");
}
