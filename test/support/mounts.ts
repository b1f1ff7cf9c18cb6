/** File systems of our own, for what a disk can do to us. Needs root; tests that cannot have it are skipped, visibly. */
import { writeFile } from "node:fs/promises";
import { mkdir, mkdtemp, open, rm, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { output, run } from "./program.ts";

export interface Mount extends AsyncDisposable {
  readonly path: string;
  /** Takes it away, although files in it are open. */
  unmount(): Promise<void>;
  remount(options: "ro" | "rw"): Promise<void>;
}

/** Why file systems cannot be mounted here; false where they can. */
export async function noMounts(): Promise<string | false> {
  if (process.getuid?.() !== 0) return "mounting needs root";
  try {
    await using _mount = await tmpfs(64 << 10);
    return false;
  } catch (error) {
    return `nothing can be mounted here: ${(error as Error).message}`;
  }
}

/** A file system in memory with room for so many bytes. */
export async function tmpfs(bytes: number): Promise<Mount> {
  return mount(["-t", "tmpfs", "-o", `size=${bytes},mode=0755`, "tmpfs"]);
}

/** An ext4 file system of so many bytes in a file. */
export async function ext4(bytes: number): Promise<Mount> {
  const folder = await mkdtemp(join(tmpdir(), "holdfast-image-"));
  const image = join(folder, "image");
  await writeFile(image, "");
  await using file = await open(image, "r+");
  await file.truncate(bytes);
  await output("mkfs.ext4", ["-q", "-m", "0", "-F", image]);
  const mounted = await mount(["-o", "loop", image]);
  return {
    ...mounted,
    async [Symbol.asyncDispose]() {
      await mounted[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

async function mount(args: readonly string[]): Promise<Mount> {
  const path = await mkdtemp(join(tmpdir(), "holdfast-mount-"));
  await mkdir(path, { recursive: true });
  await output("mount", [...args, path]);
  return {
    path,
    unmount: async () => void (await output("umount", ["--lazy", path])),
    remount: async (options) => void (await output("mount", ["-o", `remount,${options}`, path])),
    async [Symbol.asyncDispose]() {
      await run("umount", ["--lazy", path]);
      await rmdir(path);
    },
  };
}
