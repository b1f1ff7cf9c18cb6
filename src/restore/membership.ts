/** PURE. Which members a restored cluster has, and which of them are written here: by the manifest, or by flags. */
import { HoldfastError } from "../errors.ts";
import type { Manifest } from "../repository/manifest.ts";

export interface MembershipFlags {
  /** Whose data dir is written, by its name in the manifest. */
  readonly member: string | undefined;
  /** Its name in the new cluster, where that is another. */
  readonly name: string | undefined;
  /** As etcd takes it; instead of the manifest's members. */
  readonly initialCluster: string | undefined;
  /** Peer URLs of the member written here, where they are others now. */
  readonly advertise: string | undefined;
  /** The data dirs of all members are written here. */
  readonly all: boolean;
}

export interface NamedMember {
  readonly name: string;
  readonly peerURLs: readonly string[];
}

export interface Membership {
  /** All members of the new cluster. */
  readonly members: readonly NamedMember[];
  /** Those that are written here; at least one. */
  readonly here: readonly NamedMember[];
  /** Names of learners of the old cluster: a new one begins with voters only. */
  readonly learners: readonly string[];
}

/** Throws "usage" and "initial-cluster" where manifest and flags leave it open. */
export function chooseMembership(
  backup: Pick<Manifest, "id" | "members">,
  flags: MembershipFlags,
): Membership {
  // one that was never started has no name yet
  const learners = backup.members
    .filter(({ isLearner }) => isLearner)
    .map(({ name, peerURLs }) => name || peerURLs.join(","));
  const { all, member, name, advertise } = flags;
  if (all && (member ?? name ?? advertise) !== undefined)
    throw new HoldfastError("usage", "--all-members writes every member, and takes no single one");
  if (flags.initialCluster !== undefined)
    return { ...fromFlags(flags.initialCluster, flags), learners };
  const voters = backup.members.filter(
    (one) => !one.isLearner && one.name !== "" && one.peerURLs.length > 0,
  );
  if (all && voters.length > 0) return { members: voters, here: voters, learners };
  const old = chooseVoter(backup.id, voters, flags);
  const self = {
    name: name ?? old.name,
    peerURLs: advertise === undefined ? old.peerURLs : advertise.split(","),
  };
  const members = voters.map((one) => (one === old ? self : one));
  return { members, here: [self], learners };
}

function chooseVoter(
  id: string,
  voters: Manifest["members"],
  { member, name }: MembershipFlags,
): Manifest["members"][number] {
  const [only] = voters;
  if (only === undefined)
    throw new HoldfastError("initial-cluster", `${id} does not know the members of its cluster`, {
      hint: "give --name NAME and --initial-cluster NAME=http://HOST:2380",
    });
  const wanted = member ?? (voters.some((one) => one.name === name) ? name : undefined);
  if (wanted === undefined && voters.length === 1) return only;
  const found = voters.find((one) => one.name === wanted);
  if (found !== undefined) return found;
  const names = voters.map((one) => one.name).join(", ");
  throw wanted === undefined
    ? new HoldfastError("usage", `the cluster had ${voters.length} members: ${names}`, {
        hint: "say whose data dir this is with --member NAME, or write all of them with --all-members; for a cluster of one, give --initial-cluster NAME=URL",
      })
    : new HoldfastError("usage", `the cluster had no member "${wanted}", but ${names}`);
}

function fromFlags(text: string, flags: MembershipFlags): Omit<Membership, "learners"> {
  const urls = new Map<string, string[]>();
  for (const part of text.split(",").filter((one) => one !== "")) {
    const equals = part.indexOf("=");
    if (equals < 1)
      throw new HoldfastError(
        "initial-cluster",
        `--initial-cluster has "${part}", wanted NAME=URL`,
      );
    const name = part.slice(0, equals);
    urls.set(name, [...(urls.get(name) ?? []), part.slice(equals + 1)]);
  }
  const members = [...urls].map(([name, peerURLs]) => ({ name, peerURLs }));
  if (flags.all) return { members, here: members };
  const wanted =
    flags.name ?? flags.member ?? (members.length === 1 ? members[0]!.name : undefined);
  const self = members.find(({ name }) => name === wanted);
  if (self === undefined)
    throw new HoldfastError(
      "initial-cluster",
      wanted === undefined
        ? "--initial-cluster has several members, and nothing says which one this is"
        : `couldn't find local name "${wanted}" in the initial cluster configuration`,
      { hint: `give --name: one of ${members.map(({ name }) => name).join(", ")}` },
    );
  const peerURLs = flags.advertise === undefined ? self.peerURLs : flags.advertise.split(",");
  return { members, here: [{ ...self, peerURLs }] };
}

/** As etcd takes it. */
export function initialCluster(members: readonly NamedMember[]): string {
  return members.flatMap(({ name, peerURLs }) => peerURLs.map((url) => `${name}=${url}`)).join(",");
}
