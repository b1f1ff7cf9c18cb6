/** Runs programs under `measure/`, a small Go program: Node cannot ask the kernel what a child has used. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename } from "node:fs/promises";
import { text } from "node:stream/consumers";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { killAtExit, output } from "../test/support/program.ts";
import { CACHE } from "./input.ts";

/** What the kernel says of one finished process, its threads and the children it waited for. */
export interface Usage {
  /** From the start of the program to its end. */
  readonly wallMs: number;
  readonly userMs: number;
  readonly systemMs: number;
  /** The most memory that it held at once, file pages that it had mapped included. */
  readonly maxRssBytes: number;
}

export interface Run {
  readonly usage: Usage;
  readonly stdout: string;
}

const SOURCES = fileURLToPath(new URL("measure/", import.meta.url));
/** Variables that steer the programs would make a run depend on who starts it. */
const ENV = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(ETCD|HOLDFAST|NODE_|GO)/.test(name)),
);

let built: Promise<string> | undefined;

/**
 * Runs a program to its end, its output in a pipe; throws with what it wrote when it does not end well.
 *
 * @param env added to the environment
 */
export async function measured(
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Run> {
  const child = spawn(await program(), ["run", ...command], {
    env: { ...ENV, ...env },
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  killAtExit(child);
  const [stdout, stderr, report] = await Promise.all(
    child.stdio.slice(1).map((stream) => text(stream as Readable)),
  );
  if (report === "") throw new Error(stderr!.trim());
  const { status, ...usage } = JSON.parse(report!) as Usage & { status: number };
  if (status !== 0) throw new Error(`${command.join(" ")}: status ${status}\n${stdout}${stderr}`);
  return { usage, stdout: stdout! };
}

/** Sends a file out of the page cache; the share of it that stays all the same, 0 to 1. */
export async function evict(path: string): Promise<number> {
  return Number(await output(await program(), ["evict", path]));
}

function program(): Promise<string> {
  return (built ??= build());
}

async function build(): Promise<string> {
  const hash = createHash("sha256");
  for (const file of ["go.mod", "main.go"]) hash.update(await readFile(`${SOURCES}${file}`));
  const path = `${CACHE}measure-${hash.digest("hex").slice(0, 8)}`;
  if (existsSync(path)) return path;
  await mkdir(CACHE, { recursive: true });
  const env = { ...process.env, CGO_ENABLED: "0", GOFLAGS: "", GOWORK: "off" };
  await output("go", ["build", "-trimpath", "-o", `${path}.part`, "."], { cwd: SOURCES, env });
  await rename(`${path}.part`, path);
  return path;
}
