import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeAtExit } from "./program.ts";

export interface Scratch extends AsyncDisposable {
  readonly path: string;
  /** The path of something inside; nothing is created. */
  file(...names: string[]): string;
}

/** An empty folder that goes away with everything in it, however the tests end: `await using folder = await scratch()`. */
export async function scratch(): Promise<Scratch> {
  const path = await mkdtemp(join(tmpdir(), "holdfast-test-"));
  const removed = removeAtExit(path);
  return {
    path,
    file: (...names) => join(path, ...names),
    async [Symbol.asyncDispose]() {
      await rm(path, { recursive: true, force: true });
      removed();
    },
  };
}
