/** A real sshd on loopback with a host key, a user's key and a known_hosts file of its own. */
import { once } from "node:events";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { connect, createServer, type AddressInfo } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { part, withLibraries } from "./parts.ts";
import { output, start } from "./program.ts";
import { scratch, type Scratch } from "./scratch.ts";

export interface SshServer extends AsyncDisposable {
  readonly port: number;
  readonly user: string;
  /** A private key that may log in, and known_hosts with the server's key under every port of 127.0.0.1. */
  readonly identityFile: string;
  readonly knownHosts: string;
  /** The server's public key, as one line. */
  readonly hostKey: string;
  /** For more keys and files; goes away with the server. */
  readonly folder: Scratch;
  /** PATH and libraries with which ssh, ssh-agent and rsync of the same version are found. */
  readonly env: Readonly<Record<string, string>>;
}

export interface SshServerOptions {
  /** Of sftp-server. */
  readonly sftpFlags?: string;
  /** Further lines of sshd_config. */
  readonly settings?: readonly string[];
}

/** PATH and libraries with which the ssh and rsync in `bin` are found. */
export function sshEnvironment(bin: string): { PATH: string; LD_LIBRARY_PATH: string } {
  return { PATH: `${bin}:${process.env["PATH"]}`, LD_LIBRARY_PATH: join(bin, "..", "lib") };
}

/** A port on which nobody listens now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Resolves when somebody listens; `ended` rejects when nobody will. */
export async function listens(port: number, ended: Promise<never>): Promise<void> {
  for (;;) {
    const socket = connect({ host: "127.0.0.1", port });
    const isUp = await Promise.race([
      once(socket, "connect").then(
        () => true,
        () => false,
      ),
      ended,
    ]).finally(() => socket.destroy());
    if (isUp) return;
    await sleep(20);
  }
}

/** Makes a key; `passphrase` is empty when left out. Its path. */
export async function makeKey(
  folder: Scratch,
  name: string,
  type = "ed25519",
  passphrase = "",
): Promise<string> {
  const path = folder.file(name);
  const bin = await part("ssh-rsync");
  const args = ["-q", "-t", type, "-N", passphrase, "-C", name, "-f", path];
  await output(join(bin, "ssh-keygen"), args, { env: withLibraries(bin) });
  return path;
}

export async function startSshd(options: SshServerOptions = {}): Promise<SshServer> {
  const folder = await scratch();
  // sshd reads the keys as the user who wants in
  await chmod(folder.path, 0o711);
  const bin = await part("ssh-rsync");
  const env = sshEnvironment(bin);
  const host = await makeKey(folder, "host");
  const identityFile = await makeKey(folder, "user");
  const hostKey = (await readFile(`${host}.pub`, "utf8")).split(" ").slice(0, 2).join(" ");
  await writeFile(folder.file("authorized_keys"), await readFile(`${identityFile}.pub`));
  await writeFile(folder.file("known_hosts"), `[127.0.0.1]:* ${hostKey}\n`);
  const port = await freePort();
  await writeFile(folder.file("sshd_config"), configuration(folder, port, env, options));
  const command = [join(bin, "sshd"), "-D", "-e", "-f", folder.file("sshd_config")];
  const [program, ...args] = process.getuid?.() === 0 ? await asRoot(folder, command) : command;
  const server = start(program!, args, { env: withLibraries(bin) });
  const ended = server.finished.then(({ stderr }) => {
    throw new Error(`sshd ended: ${stderr}`);
  });
  ended.catch(() => {});
  await listens(port, ended);
  return {
    port,
    user: userInfo().username,
    identityFile,
    knownHosts: folder.file("known_hosts"),
    hostKey,
    folder,
    env,
    async [Symbol.asyncDispose]() {
      server.kill("SIGTERM");
      await server.finished;
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** As root it wants a user of its own, which its package would make: it gets one that nobody else sees. */
async function asRoot(folder: Scratch, command: readonly string[]): Promise<readonly string[]> {
  await mkdir("/run/sshd", { recursive: true });
  const passwd = await readFile("/etc/passwd", "utf8");
  if (/^sshd:/m.test(passwd)) return command;
  const file = folder.file("passwd");
  await writeFile(file, `${passwd}sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin\n`);
  // mounts of the tests have to be seen inside
  const apart = ["unshare", "--mount", "--propagation", "slave"];
  return [...apart, "sh", "-c", 'mount --bind "$0" /etc/passwd && exec "$@"', file, ...command];
}

function configuration(
  folder: Scratch,
  port: number,
  { PATH, LD_LIBRARY_PATH }: { PATH: string; LD_LIBRARY_PATH: string },
  { sftpFlags = "", settings = [] }: SshServerOptions,
): string {
  return `Port ${port}
ListenAddress 127.0.0.1
HostKey ${folder.file("host")}
PidFile none
AuthorizedKeysFile ${folder.file("authorized_keys")}
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 200
LoginGraceTime 10
LogLevel ERROR
SetEnv PATH=${PATH} LD_LIBRARY_PATH=${LD_LIBRARY_PATH}
Subsystem sftp internal-sftp ${sftpFlags}
${settings.join("\n")}
`;
}
