/** The tools that everybody has: what they write we read, and the reverse. */
import { join } from "node:path";
import { part, withLibraries, type PartName } from "./parts.ts";
import { run, type Finished, type ProgramOptions } from "./program.ts";

type Tool = readonly [name: PartName, program: string];

const TOOLS = {
  zstd: ["stock", "zstd"],
  pzstd: ["stock", "pzstd"],
  gpg: ["stock", "gpg"],
  "gpg-agent": ["stock", "gpg-agent"],
  "gpg-connect-agent": ["stock", "gpg-connect-agent"],
  "ssh-keygen": ["stock", "ssh-keygen"],
  age: ["age", "age"],
  "age-keygen": ["age", "age-keygen"],
  "age-inspect": ["age", "age-inspect"],
  "age-1.1": ["age-1.1", "age"],
} as const satisfies Record<string, Tool>;

export type StockTool = keyof typeof TOOLS;

/** Where a tool is. */
export async function toolPath(tool: StockTool): Promise<string> {
  const [name, program] = TOOLS[tool];
  return join(await part(name), program);
}

/** Runs a tool to its end, whatever its exit status. `env` is added to the environment. */
export async function stock(
  tool: StockTool,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<Finished> {
  const bin = await part(TOOLS[tool][0]);
  // age looks for its plugins on the PATH
  const env = { ...withLibraries(bin), PATH: `${bin}:${process.env["PATH"]}`, ...options.env };
  return run(await toolPath(tool), args, { ...options, env });
}

/** Runs a tool that has to succeed, and gives the bytes it wrote. */
export async function stockOutput(
  tool: StockTool,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<Buffer> {
  const { status, stdoutBytes, stderr } = await stock(tool, args, options);
  if (status !== 0) throw new Error(`${tool} ${args.join(" ")}: status ${status}\n${stderr}`);
  return stdoutBytes;
}
