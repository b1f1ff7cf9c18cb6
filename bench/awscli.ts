/** The AWS CLI, pinned with all that it needs, in a venv of its own. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { output } from "../test/support/program.ts";
import { CACHE } from "./input.ts";

const REQUIREMENTS = fileURLToPath(new URL("awscli/requirements.txt", import.meta.url));
/** Written last: a venv cannot be built elsewhere and renamed. */
const READY = "ready";

/** The folder with `aws`; installs it when it is not there, which needs Python with its module `venv`. */
export async function awscliBin(): Promise<string> {
  const key = createHash("sha256").update(await readFile(REQUIREMENTS));
  const home = join(CACHE, `awscli-${key.digest("hex").slice(0, 8)}`);
  if (!existsSync(join(home, READY))) await install(home);
  return join(home, "bin");
}

async function install(home: string): Promise<void> {
  process.stderr.write(`bench: installing ${home}\n`);
  await mkdir(CACHE, { recursive: true });
  await rm(home, { recursive: true, force: true });
  await output("python3", ["-m", "venv", home]);
  const quiet = ["--quiet", "--disable-pip-version-check", "--require-hashes"];
  await output(join(home, "bin", "pip"), ["install", ...quiet, "-r", REQUIREMENTS]);
  await writeFile(join(home, READY), "");
}
