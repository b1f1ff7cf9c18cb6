/** Folders behind an sshd: as users reach them, and as the parts of the driver see them. */
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import ssh2, { type SFTPWrapper } from "ssh2";
import { silentLog } from "../../src/io/log.ts";
import { parseLocation } from "../../src/store/location.ts";
import { openDriver, type OpenOptions } from "../../src/store/open.ts";
import type { Persistence } from "../../src/store/retry.ts";
import type { Remote } from "../../src/store/sftp/remote.ts";
import { openSession, type SftpSession } from "../../src/store/sftp/session.ts";
import { sshLogin } from "../../src/store/ssh/login.ts";
import { scratch } from "./scratch.ts";
import type { SshServer } from "./sshd.ts";
import { waiting, type Subject } from "./store-subject.ts";

export const PLAIN: OpenOptions = { env: {}, log: silentLog };

/** Short pauses and a short stall, which is still long enough for a login on a busy machine. */
export const HASTY: Persistence = { stallMs: 2000, noProgressMs: 60_000, firstPauseMs: 5 };

export interface Detour {
  /** Of a proxy in front of the server. */
  readonly port?: number;
  readonly user?: string;
  /** Beside or instead of the server's; "" leaves one out. */
  readonly parameters?: Readonly<Record<string, string>>;
}

/** The URL of a folder on a server. */
export function sftpUrl(server: SshServer, path: string, detour: Detour = {}): string {
  const { port = server.port, user = server.user, parameters = {} } = detour;
  const { identityFile, knownHosts } = server;
  const query = Object.entries({ identityFile, knownHosts, ...parameters })
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${name}=${value}`);
  return `sftp://${user}@127.0.0.1:${port}${path}?${query.join("&")}`;
}

/** An empty store on a server; its folder is not there yet. */
export async function sftpSubject(server: SshServer): Promise<Subject> {
  const folder = await scratch();
  const path = folder.file("deep", "store");
  const store = await openDriver(sftpUrl(server, path), PLAIN);
  const incoming = join(path, ".incoming");
  return {
    store,
    leftovers: () => readdir(incoming).catch(() => []),
    async abandonPut(key) {
      await mkdir(incoming, { recursive: true });
      await writeFile(join(incoming, "abandoned"), key);
    },
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** A request to a server: its name in the library, and how it is sent. */
export interface Request {
  readonly name: string;
  send(): Promise<unknown>;
}

export interface WatchedRemote extends Remote, Disposable {
  /** The same folder over the same session, with requests that `instead` sends, or does something else for. */
  through(instead: (request: Request) => Promise<unknown>): Remote;
}

/** What the parts of the driver work on, over one session. */
export async function watchedRemote(url: string): Promise<WatchedRemote> {
  const location = parseLocation(url, {});
  const login = await sshLogin(location, (data, phrase) => ssh2.utils.parseKey(data, phrase));
  const session = await openSession(login, HASTY.stallMs, waiting.signal);
  const root = `/${location.path}`;
  const remote: Remote = {
    url,
    root,
    incoming: `${root}/.incoming`,
    log: silentLog,
    persistence: HASTY,
    session: async () => session,
  };
  return {
    ...remote,
    through(instead) {
      const throughThem = watched(session, instead);
      return { ...remote, session: async () => throughThem };
    },
    [Symbol.dispose]: () => session[Symbol.dispose](),
  };
}

function watched(
  session: SftpSession,
  instead: (request: Request) => Promise<unknown>,
): SftpSession {
  return {
    isOpen: true,
    ask<T>(send: Parameters<typeof session.ask<T>>[0]) {
      let name = "";
      const notes = { get: (_: unknown, asked: string) => () => void (name = asked) };
      send(new Proxy({} as SFTPWrapper, notes as ProxyHandler<SFTPWrapper>), () => {});
      return instead({ name, send: () => session.ask(send) }) as Promise<T>;
    },
    [Symbol.dispose]: () => session[Symbol.dispose](),
  };
}
