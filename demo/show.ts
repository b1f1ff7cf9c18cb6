/** What the demo says and runs: a line for people, then the exact command, then what it prints. */
import { spawn } from "node:child_process";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { killAtExit } from "../test/support/program.ts";

/** Commands are run here, and shown as they would be typed here. */
const ROOT = fileURLToPath(new URL("..", import.meta.url));

let steps = 0;

/** Begins a step with one line in words. */
export function step(line: string): void {
  console.log(`\n${++steps}. ${line}`);
}

/** What a step came to. */
export function remark(line: string): void {
  console.log(`   (${line})`);
}

/** Shows a command line as a shell takes it. */
export function showCommand(program: string, args: readonly string[], end = ""): void {
  const name = program.startsWith(ROOT) ? relative(ROOT, program) : program;
  console.log(`   $ ${[name, ...args].map(quote).join(" ")}${end}`);
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Shows and runs a command that has to succeed; its standard output, which is shown as well. */
export async function runCommand(program: string, ...args: string[]): Promise<string> {
  showCommand(program, args);
  // A progress bar needs the terminal itself.
  const child = spawn(program, args, { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] });
  killAtExit(child);
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    process.stdout.write(text);
  });
  const status = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(signal ?? code));
  });
  if (status === 0) return output;
  throw new Error(`${program} ${args.join(" ")} ended with ${String(status)}`);
}
