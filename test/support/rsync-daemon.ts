/** A real rsync daemon on loopback: modules `open`, `closed` (user and password) and `readonly`, all of one folder. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { part, withLibraries } from "./parts.ts";
import { start } from "./program.ts";
import { scratch, type Scratch } from "./scratch.ts";
import { freePort, listens, sshEnvironment } from "./sshd.ts";

export interface RsyncDaemon extends AsyncDisposable {
  readonly port: number;
  /** What the modules show. */
  readonly root: string;
  readonly user: string;
  readonly password: string;
  /** For more files; goes away with the daemon. */
  readonly folder: Scratch;
  /** PATH and libraries with which rsync is found. */
  readonly env: Readonly<Record<string, string>>;
}

/** @param root the modules' folder; one of its own when left out */
export async function startRsyncDaemon(root?: string): Promise<RsyncDaemon> {
  const folder = await scratch();
  const bin = await part("ssh-rsync");
  const env = sshEnvironment(bin);
  const port = await freePort();
  const shown = root ?? folder.file("root");
  await mkdir(shown, { recursive: true });
  const [user, password] = ["keeper", "a secret of the daemon"];
  await writeFile(folder.file("secrets"), `${user}:${password}\n`, { mode: 0o600 });
  const owner = process.getuid?.() === 0 ? "uid = root\ngid = root\n" : "";
  const closed = `auth users = ${user}\nsecrets file = ${folder.file("secrets")}\n`;
  const modules = [
    `[open]\npath = ${shown}\nread only = no\n`,
    `[closed]\npath = ${shown}\nread only = no\n${closed}`,
    `[readonly]\npath = ${shown}\nread only = yes\n`,
  ];
  const general = `port = ${port}\naddress = 127.0.0.1\nuse chroot = no\nreverse lookup = no\n${owner}`;
  await writeFile(folder.file("rsyncd.conf"), general + modules.join(""));
  const args = ["--daemon", "--no-detach", `--config=${folder.file("rsyncd.conf")}`];
  // with a socket as its standard input it would serve that one
  const script = 'exec "$0" "$@" < /dev/null';
  const command = ["-c", script, join(bin, "rsync"), ...args];
  const server = start("sh", command, { env: withLibraries(bin) });
  const ended = server.finished.then(({ stderr }) => {
    throw new Error(`the rsync daemon ended: ${stderr}`);
  });
  ended.catch(() => {});
  await listens(port, ended);
  return {
    port,
    root: shown,
    user,
    password,
    folder,
    env,
    async [Symbol.asyncDispose]() {
      server.kill("SIGTERM");
      await server.finished;
      await folder[Symbol.asyncDispose]();
    },
  };
}
