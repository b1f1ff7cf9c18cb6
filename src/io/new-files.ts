/** Files that must not have been there: keys above all. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { HoldfastError } from "../errors.ts";
import { createDirectories, exists, removeEmptyDirectories, syncDirectory } from "./directory.ts";
import { createFile } from "./durable-file.ts";

/** Disposed without `keep`, they are gone again. */
export interface NewFiles extends AsyncDisposable {
  /** In the order in which they were given. */
  readonly paths: readonly string[];
  keep(): void;
}

/**
 * Writes files by their names into a folder, which is made when it is missing; all or none, durable, for this user only.
 * Throws "file-exists" for the first that is there already.
 */
export async function createNewFiles(
  directory: string,
  files: ReadonlyMap<string, string>,
): Promise<NewFiles> {
  for (const name of files.keys()) await refuseExisting(join(directory, name));
  await using undo = new AsyncDisposableStack();
  const folders = await createDirectories(directory);
  undo.defer(() => removeEmptyDirectories(folders));
  const paths: string[] = [];
  for (const [name, text] of files) {
    const path = join(directory, name);
    await using file = await createFile(path);
    undo.defer(() => rm(path, { force: true }));
    await file.write(Buffer.from(text), 0);
    await file.sync();
    paths.push(path);
  }
  await syncDirectory(directory);
  const kept = undo.move();
  let isKept = false;
  return {
    paths,
    keep: () => void (isKept = true),
    [Symbol.asyncDispose]: async () => void (isKept || (await kept.disposeAsync())),
  };
}

async function refuseExisting(path: string): Promise<void> {
  if (!(await exists(path))) return;
  throw new HoldfastError("file-exists", `"${path}" exists, and is not overwritten`, {
    hint: "choose another folder with --out; keep what is there: it may open the backups that you have",
  });
}
