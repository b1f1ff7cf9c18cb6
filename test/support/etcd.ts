/** Real etcd clusters on free loopback ports, in folders that go away, whose processes never outlive the tests. */
import { mkdir } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { certificate, makeCertificates } from "./certificates.ts";
import type { TlsFiles } from "./certificates.ts";
import { PortTaken, member } from "./member.ts";
import type { Member } from "./member.ts";
import { part } from "./parts.ts";
import { run } from "./program.ts";
import type { Finished } from "./program.ts";
import { scratch } from "./scratch.ts";
import type { Scratch } from "./scratch.ts";

export type EtcdLine = "3.4" | "3.5" | "3.6" | "3.7";

export const ETCD_LINES: readonly EtcdLine[] = ["3.4", "3.5", "3.6", "3.7"];

export interface EtcdBinaries {
  readonly etcd: string;
  readonly etcdctl: string;
  /** 3.4 has none: its etcdctl does that work. */
  readonly etcdutl?: string;
}

/** The executables of one minor version. */
export async function etcdBinaries(line: EtcdLine): Promise<EtcdBinaries> {
  const bin = await part(`etcd-${line}`);
  const etcdctl = join(bin, "etcdctl");
  if (line === "3.4") return { etcd: join(bin, "etcd"), etcdctl };
  return { etcd: join(bin, "server"), etcdctl, etcdutl: join(bin, "etcdutl") };
}

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

export interface Cluster extends AsyncDisposable {
  readonly line: EtcdLine;
  readonly members: readonly Member[];
  /** Client URLs, in the order of the members. */
  readonly endpoints: readonly string[];
  /** A client certificate that the members accept. */
  readonly tls?: TlsFiles;
  /** The folder of all certificates that were made for it (see `certificate()`). */
  readonly certificates?: string;
  /** The root user, when authentication is on. */
  readonly auth?: Credentials;
  /** Runs the etcdctl of the same version with endpoints, certificates and user set; never throws for its status. */
  ctl(...args: string[]): Promise<Finished>;
  /** Kills all members and removes what was made for it. To end one in peace and keep its data: `Member.stop`. */
  stop(): Promise<void>;
}

export interface ClusterOptions {
  readonly line: EtcdLine;
  readonly members?: 1 | 3;
  /** TLS on both sides of every connection; a client without a certificate is refused. */
  readonly tls?: boolean;
  /** Authentication on, with the user root. */
  readonly auth?: boolean;
  /** More flags for every member. */
  readonly flags?: readonly string[];
}

const ROOT: Credentials = { user: "root", password: "hunter2" };
const PORT_ATTEMPTS = 5;

/** Starts a new, empty cluster and waits until every member serves. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startFresh(options);
    } catch (error) {
      if (!(error instanceof PortTaken) || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

async function startFresh(options: ClusterOptions): Promise<Cluster> {
  const { line, members: count = 1, tls = false, auth = false, flags = [] } = options;
  const folder = await scratch();
  try {
    const certificates = tls ? folder.file("certificates") : undefined;
    if (certificates !== undefined) {
      await mkdir(certificates);
      await makeCertificates(certificates);
    }
    const members = await freePlaces(folder.path, count, tls);
    const secured = certificates === undefined ? {} : { certificates };
    const cluster = await bootCluster({ line, members, flags, ...secured });
    if (auth) await enableAuth(cluster);
    return {
      ...cluster,
      ...(auth && { auth: ROOT, ctl: controller(cluster, ROOT) }),
      ...disposal(cluster, folder),
    };
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}

async function freePlaces(folder: string, count: number, tls: boolean): Promise<Place[]> {
  const urls = await freeURLs(2 * count, tls);
  return Array.from({ length: count }, (_, i) => {
    const name = `m${i + 1}`;
    return { name, dataDir: join(folder, name), clientURL: urls[i]!, peerURL: urls[count + i]! };
  });
}

/** Where one member lives. */
export interface Place {
  readonly name: string;
  readonly dataDir: string;
  readonly clientURL: string;
  readonly peerURL: string;
}

export interface BootOptions {
  readonly line: EtcdLine;
  readonly members: readonly Place[];
  /** A folder of `makeCertificates()`: the members then use TLS, and their URLs have to be https. */
  readonly certificates?: string;
  /** The user for `ctl`, when the data has authentication on. */
  readonly auth?: Credentials;
  readonly flags?: readonly string[];
}

/**
 * Starts members at given places, all at once, on what their data dirs hold (a restored one, or nothing yet).
 * Their data dirs stay when it stops.
 */
export async function bootCluster(options: BootOptions): Promise<Cluster> {
  const { line, members: places, certificates, auth } = options;
  const { etcd } = await etcdBinaries(line);
  const tls = certificates === undefined ? undefined : certificate(certificates, "client");
  const members = places.map((place) =>
    member({ ...place, program: etcd, args: serverArgs(place, options), tls }),
  );
  const base = { line, members, endpoints: places.map((place) => place.clientURL) };
  const known = {
    ...base,
    ...(tls !== undefined && { tls }),
    ...(certificates !== undefined && { certificates }),
    ...(auth !== undefined && { auth }),
  };
  const cluster = { ...known, ctl: controller(known, auth), ...disposal(known) };
  try {
    await Promise.all(members.map((one) => one.start()));
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

function serverArgs(place: Place, { members, certificates, flags = [] }: BootOptions): string[] {
  const all = members.map(({ name, peerURL }) => `${name}=${peerURL}`).join(",");
  const args = [
    `--name=${place.name}`,
    `--data-dir=${place.dataDir}`,
    `--listen-client-urls=${place.clientURL}`,
    `--advertise-client-urls=${place.clientURL}`,
    `--listen-peer-urls=${place.peerURL}`,
    `--initial-advertise-peer-urls=${place.peerURL}`,
    `--initial-cluster=${all}`,
    "--logger=zap",
    "--log-level=warn",
  ];
  if (certificates !== undefined) {
    const { caFile, certFile, keyFile } = certificate(certificates, "server");
    for (const peer of ["", "peer-"]) {
      args.push(`--${peer}cert-file=${certFile}`, `--${peer}key-file=${keyFile}`);
      args.push(`--${peer}trusted-ca-file=${caFile}`, `--${peer}client-cert-auth`);
    }
  }
  return [...args, ...flags];
}

type Controlled = Pick<Cluster, "line" | "endpoints" | "tls">;

function controller({ line, endpoints, tls }: Controlled, auth: Credentials | undefined) {
  const flags = [`--endpoints=${endpoints.join(",")}`];
  if (tls) flags.push(`--cacert=${tls.caFile}`, `--cert=${tls.certFile}`, `--key=${tls.keyFile}`);
  if (auth) flags.push(`--user=${auth.user}:${auth.password}`);
  return async (...args: string[]): Promise<Finished> => {
    const { etcdctl } = await etcdBinaries(line);
    // later ones warn about a variable that they no longer know
    const env = line === "3.4" ? { ETCDCTL_API: "3" } : {};
    return run(etcdctl, [...args, ...flags], { env });
  };
}

function disposal(cluster: Pick<Cluster, "members">, folder?: Scratch) {
  const stop = async (): Promise<void> => {
    await Promise.all(cluster.members.map((one) => one.stop("SIGKILL")));
    await folder?.[Symbol.asyncDispose]();
  };
  return { stop, [Symbol.asyncDispose]: stop };
}

async function enableAuth(cluster: Cluster): Promise<void> {
  const steps = [
    ["user", "add", `${ROOT.user}:${ROOT.password}`],
    ["user", "grant-role", ROOT.user, "root"],
    ["auth", "enable"],
  ];
  for (const step of steps) {
    const { status, stderr } = await cluster.ctl(...step);
    if (status !== 0) throw new Error(`etcdctl ${step.join(" ")}: ${stderr}`);
  }
}

/** Loopback URLs on ports that nobody had a moment ago; all different. */
export async function freeURLs(count: number, tls = false): Promise<string[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once("error", reject);
          server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports.map((port) => `${tls ? "https" : "http"}://127.0.0.1:${port}`);
}
