/** Where the commands that are measured write; on the disk of the inputs. */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { CACHE } from "./input.ts";

export const OUTPUT = join(CACHE, "output");

/** Makes it empty. */
export async function clearOutput(): Promise<void> {
  await removeOutput();
  await mkdir(OUTPUT, { recursive: true });
}

export const removeOutput = (): Promise<void> => rm(OUTPUT, { recursive: true, force: true });
