/** The clusters that the snapshots of the matrix are taken from. */
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { startCluster } from "../support/etcd.ts";
import type { Cluster } from "../support/etcd.ts";
import { part } from "../support/parts.ts";
import { output } from "../support/program.ts";
import type { Source } from "./cells.ts";
import { CONTENTS } from "./contents.ts";

export interface SourceCluster extends AsyncDisposable {
  readonly cluster: Cluster;
  /** Which member holds all that was written, and is to be saved. */
  readonly member: number;
}

/** Starts a cluster, gives it pages of the wanted size, and only then its contents: they are written by the server. */
export async function startSource(source: Source): Promise<SourceCluster> {
  const secured = source.security === "TLS and auth";
  const { flags = [], write } = CONTENTS[source.contents];
  const { source: line, members } = source;
  const cluster = await startCluster({ line, members, tls: secured, auth: secured, flags });
  try {
    if (source.pages !== "own") await rewritePages(cluster, source.pages);
    const member = members - 1;
    await write(cluster, cluster.endpoints[member]!);
    return { cluster, member, [Symbol.asyncDispose]: () => cluster.stop() };
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

/** Real bbolt copies the database of each member; the server goes on with the pages that it finds. */
async function rewritePages(cluster: Cluster, pageSize: number): Promise<void> {
  const bbolt = join(await part("bbolt"), "bbolt");
  // what was not committed yet is in the log
  await Promise.all(cluster.members.map((member) => member.stop("SIGKILL")));
  for (const { dataDir } of cluster.members) {
    const db = join(dataDir, "member", "snap", "db");
    const copy = join(dataDir, "copy");
    await output(bbolt, ["rewrite", `--page-size=${pageSize}`, db, copy]);
    await rename(copy, db);
  }
  await Promise.all(cluster.members.map((member) => member.start()));
}
