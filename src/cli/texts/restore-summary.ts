/** What a person has to know after a restore: what is there now, what to beware of, what to do next. */
import { idText, type NewMember } from "../../format/cluster/member.ts";
import { shellWord } from "../../format/shell-word.ts";
import type { Log } from "../../io/log.ts";
import type { Restored } from "../../restore/restore.ts";
import type { TargetVersion } from "../../restore/target-version.ts";
import { directoryFlags } from "../flags/directory.ts";
import { snapshotName } from "../inputs/snapshot-file.ts";
import { count } from "./count.ts";
import { leftoverWarnings } from "./restore-leftovers.ts";

interface Asked {
  readonly file: string;
  readonly target: TargetVersion | undefined;
}

export function tellRestored(restored: Restored, asked: Asked, log: Log): void {
  const { cluster, place, report, revision } = restored;
  log.info(
    `restored ${snapshotName(asked.file)} at revision ${revision} with ${count(report.liveKeys, "key")}`,
    {
      dataDir: place.dataDir,
      walDir: place.walDir,
      clusterId: idText(cluster.id),
      memberId: idText(cluster.self.id),
    },
  );
  for (const member of cluster.members)
    log.info(`member ${member.name}`, {
      id: idText(member.id),
      peerURLs: member.peerURLs.join(" "),
    });
  for (const warning of warnings(restored, asked)) log.warn(warning);
  for (const step of nextSteps(restored)) log.info(step);
}

/** Findings that were accepted, what comes back with the data, and what still runs elsewhere. */
function warnings({ cluster, place, report }: Restored, { target }: Asked): string[] {
  const told = report.findings
    .filter(({ code }) => code !== "downgrade-enabled" || target === undefined)
    .map(({ code, severity, message }) =>
      severity === "error" ? `restored in spite of ${code}: ${message}` : message,
    );
  const again = cluster.members.filter(({ id }) => report.members.some((old) => old.id === id));
  if (again.length > 0)
    told.push(
      `the old cluster had the same ids (${names(again)}): if a member of it still runs, the two will mix; ` +
        "stop it, or restore with another --initial-cluster-token",
    );
  const owner = place.owner?.uid;
  if (owner !== undefined && owner !== process.getuid?.())
    told.push(
      `the data dir belongs to user ${owner}, what is in it does not: chown -R ${owner} ${shellWord(place.dataDir)}`,
    );
  return [...told, ...leftoverWarnings(place)];
}

function nextSteps({ cluster, place }: Restored): string[] {
  const flags = `--name=${shellWord(cluster.self.name)} ${directoryFlags(place)}`;
  const others = cluster.members.filter(({ id }) => id !== cluster.self.id);
  if (others.length === 0)
    return [`Next: start etcd with ${flags}, listening for peers on ${listen(cluster.self)}`];
  return [
    `Next: restore ${names(others)} from the same snapshot, with the same --initial-cluster and token`,
    `Then: start all members together, this one with ${flags}, listening for peers on ${listen(cluster.self)}`,
  ];
}

function names(members: readonly NewMember[]): string {
  return members.map(({ name }) => name).join(", ");
}

function listen(member: NewMember): string {
  return member.peerURLs.join(" and ");
}
