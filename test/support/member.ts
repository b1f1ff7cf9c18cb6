import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { get as getPlain } from "node:http";
import { get as getTls } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import type { TlsFiles } from "./certificates.ts";
import { killAtExit } from "./program.ts";

/** One etcd server: where its data and its URLs are, and its process while it runs. */
export interface Member {
  readonly name: string;
  readonly dataDir: string;
  readonly clientURL: string;
  readonly peerURL: string;
  /** Undefined while it is stopped. */
  readonly pid: number | undefined;
  /** The last of what it logged (both streams, over all starts). */
  readonly log: string;
  /** Starts it and waits until it serves; with others stopped it may wait for their majority, so start those too. */
  start(): Promise<void>;
  /** Sends a signal (SIGTERM when left out) and waits for the end of the process. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** SIGSTOP: it holds its connections and answers nothing. */
  pause(): void;
  resume(): void;
}

export interface MemberOptions {
  readonly program: string;
  readonly args: readonly string[];
  readonly name: string;
  readonly dataDir: string;
  readonly clientURL: string;
  readonly peerURL: string;
  /** A client certificate, for members that want one. */
  readonly tls: TlsFiles | undefined;
}

/** A member lost its port to somebody else before it could bind it. */
export class PortTaken extends Error {}

const LOG_KEPT = 256 * 1024;
const READY_WITHIN_MS = 120_000;

/** A member that is not started yet. */
export function member(options: MemberOptions): Member {
  let child: ChildProcess | undefined;
  let log = "";
  const { name, dataDir, clientURL, peerURL } = options;
  const launch = async (): Promise<never> => {
    const launched = spawnServer(options, (text) => (log = (log + text).slice(-LOG_KEPT)));
    child = launched;
    await once(launched, "close").finally(() => (child = undefined));
    throw ended(name, log);
  };
  return {
    name,
    dataDir,
    clientURL,
    peerURL,
    get pid() {
      return child?.pid;
    },
    get log() {
      return log;
    },
    async start() {
      if (child !== undefined) throw new Error(`${name} runs already`);
      if (await healthy(options)) throw new PortTaken(`somebody else serves ${clientURL}`);
      log += "--- start\n";
      const end = launch();
      end.catch(() => {}); // every later end of the process lands here as well
      await Promise.race([end, ready(options, () => child !== undefined)]);
    },
    async stop(signal = "SIGTERM") {
      const running = child;
      if (running === undefined) return;
      const gone = once(running, "close");
      running.kill(signal);
      if (signal !== "SIGKILL") running.kill("SIGCONT"); // a paused process acts on nothing else
      await gone;
    },
    pause: () => void child?.kill("SIGSTOP"),
    resume: () => void child?.kill("SIGCONT"),
  };
}

function spawnServer({ program, args }: MemberOptions, record: (text: string) => void) {
  const env = { PATH: process.env["PATH"] }; // etcd takes flags from ETCD_* as well
  const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  killAtExit(child);
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (bytes: Buffer) => record(bytes.toString()));
  return child;
}

function ended(name: string, log: string): Error {
  const last = log.slice(log.lastIndexOf("--- start"));
  const message = `etcd ${name} ended:\n${last.slice(-4000)}`;
  return last.includes("address already in use") ? new PortTaken(message) : new Error(message);
}

async function ready(options: MemberOptions, alive: () => boolean): Promise<void> {
  const from = Date.now();
  while (alive() && !(await healthy(options))) {
    if (Date.now() - from > READY_WITHIN_MS)
      throw new Error(`etcd ${options.name} runs, but does not become healthy`);
    await sleep(20);
  }
}

/** A member with an alarm serves, so alarms are left out of the question. */
function healthy({ clientURL, tls }: MemberOptions): Promise<boolean> {
  return new Promise((resolve) => {
    const url = `${clientURL}/health?exclude=NOSPACE&exclude=CORRUPT`;
    const credentials = tls && {
      ca: readFileSync(tls.caFile),
      cert: readFileSync(tls.certFile),
      key: readFileSync(tls.keyFile),
    };
    const options = { ...credentials, agent: false, timeout: 5000 };
    const request = (tls ? getTls : getPlain)(url, options, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on("timeout", () => request.destroy());
    request.on("error", () => resolve(false));
  });
}
