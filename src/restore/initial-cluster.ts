/** The cluster that a restore begins, from the same flags that etcdutl and etcd take, checked as they check them. */
import { createHash } from "node:crypto";
import { HoldfastError } from "../errors.ts";
import { ascending, clusterId, memberId } from "../format/cluster/identity.ts";
import { idText, type NewMember } from "../format/cluster/member.ts";
import { byText, parsePeerURLs, type PeerURL } from "./peer-url.ts";

export interface ClusterFlags {
  readonly name: string;
  /** name=url,name=url2,other=url3 */
  readonly initialCluster: string;
  readonly initialClusterToken: string;
  /** url,url2 */
  readonly initialAdvertisePeerURLs: string;
}

export interface NewCluster {
  readonly id: bigint;
  /** The member whose data dir is written. */
  readonly self: NewMember;
  /** Ascending ids. */
  readonly members: readonly NewMember[];
}

/** Resolves a host name to its first address. */
export type LookUpHost = (host: string) => Promise<string>;

/** Throws "initial-cluster" where the flags contradict each other, in the words of etcd. */
export async function planCluster(flags: ClusterFlags, lookUp: LookUpHost): Promise<NewCluster> {
  const advertised = parsePeerURLs(flags.initialAdvertisePeerURLs.split(","));
  const urlsOf = parseInitialCluster(flags.initialCluster);
  const own = urlsOf.get(flags.name);
  if (own === undefined) throw unknownName(flags.name);
  await requireSameURLs(flags.name, own, advertised, lookUp);
  refuseDuplicateURLs(urlsOf);

  const members = [...urlsOf]
    .map(([name, urls]) => newMember(name, urls, flags.initialClusterToken))
    .toSorted((a, b) => ascending(a.id, b.id));
  refuseUnusableIds(members);
  const ids = members.map(({ id }) => id);
  return {
    id: clusterId(ids, sha1),
    self: members.find(({ name }) => name === flags.name)!,
    members,
  };
}

const sha1 = (bytes: Uint8Array): Uint8Array => createHash("sha1").update(bytes).digest();

/** URLs by name; a name may occur several times, empty parts are skipped. */
function parseInitialCluster(text: string): Map<string, PeerURL[]> {
  const given = new Map<string, string[]>();
  for (const part of text.split(",")) {
    if (part === "") continue;
    const equals = part.indexOf("=");
    const name = equals < 0 ? part : part.slice(0, equals);
    const url = equals < 0 ? "" : part.slice(equals + 1);
    given.set(name, [...(given.get(name) ?? []), url]);
  }
  return new Map([...given].map(([name, urls]) => [name, parsePeerURLs(urls)]));
}

function newMember(name: string, urls: readonly PeerURL[], token: string): NewMember {
  const peerURLs = urls.map(({ text }) => text);
  return { id: memberId(peerURLs, token, sha1), name, peerURLs };
}

/** The advertised URLs have to be the member's own, by text or by the addresses that they resolve to. */
async function requireSameURLs(
  name: string,
  own: readonly PeerURL[],
  advertised: readonly PeerURL[],
  lookUp: LookUpHost,
): Promise<void> {
  const difference = await findDifference(advertised, own, lookUp);
  if (difference === undefined) return;
  const wanted = own.map(({ text }) => text);
  const given = advertised.map(({ text }) => text);
  const missing = wanted.filter((url) => !given.includes(url)).map((url) => `${name}=${url}`);
  const surplus = given.filter((url) => !wanted.includes(url));
  throw new HoldfastError(
    "initial-cluster",
    missing.length > 0
      ? `--initial-cluster has ${missing.join(",")} but missing from --initial-advertise-peer-urls=${given.join(",")} (${difference})`
      : `--initial-advertise-peer-urls has ${surplus.join(",")} but missing from --initial-cluster (${difference})`,
    { hint: `give --initial-advertise-peer-urls=${wanted.join(",")}` },
  );
}

async function findDifference(
  advertised: readonly PeerURL[],
  own: readonly PeerURL[],
  lookUp: LookUpHost,
): Promise<string | undefined> {
  if (advertised.length !== own.length)
    return `${advertised.length} URLs advertised, ${own.length} in the initial cluster`;
  if (advertised.every(({ text }, index) => text === own[index]!.text)) return undefined;
  try {
    const [a, b] = [await resolveAll(advertised, lookUp), await resolveAll(own, lookUp)];
    const at = a.findIndex((url, index) => url !== b[index]);
    return at < 0 ? undefined : `resolved urls: "${a[at]}" != "${b[at]}"`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Texts with addresses in place of names, sorted. etcd leaves localhost and sockets as they are. */
async function resolveAll(urls: readonly PeerURL[], lookUp: LookUpHost): Promise<string[]> {
  const resolved: PeerURL[] = [];
  for (const url of urls) {
    const keep = url.host === "" || url.host === "localhost";
    const scheme = url.text.slice(0, url.text.indexOf(":"));
    const address = keep ? url.host : await lookUp(url.host);
    resolved.push(keep ? url : { ...url, text: `${scheme}://${bracketed(address)}:${url.port}` });
  }
  return resolved.toSorted(byText).map(({ text }) => text);
}

function bracketed(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

function unknownName(name: string): HoldfastError {
  return new HoldfastError(
    "initial-cluster",
    `couldn't find local name "${name}" in the initial cluster configuration`,
    { hint: `give --initial-cluster, with ${name}=URL for each peer URL of this member in it` },
  );
}

function refuseDuplicateURLs(urlsOf: ReadonlyMap<string, readonly PeerURL[]>): void {
  const pairs = [...urlsOf].flatMap(([name, urls]) => urls.map(({ text }) => ({ name, text })));
  if (new Set(pairs.map(({ text }) => text)).size === pairs.length) return;
  const all = pairs.map(({ name, text }) => `${name}=${text}`).toSorted();
  throw new HoldfastError("initial-cluster", `initial cluster ${all.join(",")} has duplicate url`, {
    hint: "every member needs peer URLs of its own",
  });
}

/** Cannot happen by accident (64 bits of SHA-1), but etcd could not start from it: raft takes 0 for "nobody". */
function refuseUnusableIds(members: readonly NewMember[]): void {
  const bad = members.find(({ id }, index) => id === 0n || id === members[index + 1]?.id);
  if (bad === undefined) return;
  throw new HoldfastError("initial-cluster", `cannot use ${idText(bad.id)} as a member id`, {
    hint: "choose another --initial-cluster-token",
  });
}
