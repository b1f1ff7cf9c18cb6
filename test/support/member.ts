import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
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
  const record = (bytes: Buffer): void => {
    log = (log + bytes.toString()).slice(-LOG_KEPT);
  };
  const { name, dataDir, clientURL, peerURL } = options;
  const launch = (): Promise<never> => {
    child = spawn(options.program, options.args, {
      env: { PATH: process.env["PATH"] },
      stdio: ["ignore", "pipe", "pipe"],
    });
    killAtExit(child);
    child.stdout!.on("data", record);
    child.stderr!.on("data", record);
    const launched = child;
    return new Promise<never>((_resolve, reject) => {
      launched.once("error", reject);
      launched.once("close", () => {
        if (child === launched) child = undefined;
        reject(ended(name, log));
      });
    });
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
      log += `--- start\n`;
      const startFailed = launch();
      startFailed.catch(() => {}); // every later end of the process lands here as well
      await Promise.race([startFailed, ready(options, () => log)]);
    },
    async stop(signal = "SIGTERM") {
      const running = child;
      if (running === undefined) return;
      const gone = new Promise((resolve) => running.once("close", resolve));
      running.kill(signal);
      if (signal !== "SIGKILL") running.kill("SIGCONT"); // a paused process acts on nothing else
      await gone;
    },
    pause: () => void child?.kill("SIGSTOP"),
    resume: () => void child?.kill("SIGCONT"),
  };
}

function ended(name: string, log: string): Error {
  const last = log.slice(log.lastIndexOf("--- start"));
  const message = `etcd ${name} ended:\n${last.slice(-4000)}`;
  return last.includes("address already in use") ? new PortTaken(message) : new Error(message);
}

async function ready(options: MemberOptions, log: () => string): Promise<void> {
  for (const from = Date.now(); Date.now() - from < READY_WITHIN_MS; await sleep(20)) {
    if (await healthy(options)) return;
  }
  throw new Error(`etcd ${options.name} does not become healthy:\n${log().slice(-4000)}`);
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
