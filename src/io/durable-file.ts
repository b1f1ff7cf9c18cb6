/**
 * Files that must survive a power cut: written at positions, synced, and, where a name must never show half a file,
 * written under another name first and renamed.
 */
import {
  constants,
  copyFile as copy,
  open,
  rename,
  rm,
  stat,
  type FileHandle,
} from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";
import { HoldfastError } from "../errors.ts";
import { syncDirectory } from "./directory.ts";
import { randomName } from "./random.ts";
import { readFully } from "./read-fully.ts";
import { writeFailure } from "./system-error.ts";

/** A new file, open for writing at any position and for reading back. */
export interface OutputFile extends AsyncDisposable {
  readonly path: string;
  /** All of `bytes` at `position`; they may be reused once this resolves. Throws "no-space" on a full disk. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** Blocking read of what is there; shorter only at the end of the file. */
  readAt(offset: number, length: number): Uint8Array;
  /** Cuts the file, or extends it by a hole. */
  truncate(size: number): Promise<void>;
  /** Content and size are on the disk when this resolves. The name is not: that is `syncDirectory`. */
  sync(): Promise<void>;
}

/** An OutputFile that has its real name only from `commit` on; disposed without it, nothing is left. */
export interface DurableFile extends OutputFile {
  /**
   * Syncs the file, renames it to `target` (by default the name it was created for, replacing what is there) and
   * syncs the folder. Once, and last: the file is closed after it.
   */
  commit(target?: string): Promise<void>;
}

/** Written bytes after which the disk is set to work: a sync at the end would otherwise take most of the time. */
const SYNC_EVERY = 64 << 20;

/** Creates `path`, which must not exist, with `mode` (before umask). Disposing closes it and leaves it there. */
export async function createFile(path: string, mode = 0o600): Promise<OutputFile> {
  return createNamed(path, path, mode);
}

/** @param name what messages call it */
async function createNamed(path: string, name: string, mode: number): Promise<OutputFile> {
  const handle = await explainWrite(name, open(path, "wx+", mode));
  const flush = flusher(handle);
  return {
    path,
    async write(bytes, position) {
      await explainWrite(name, writeFully(handle, bytes, position));
      flush.wrote(bytes.length);
    },
    readAt: (offset, length) => readFully(handle.fd, offset, length),
    truncate: (size) => explainWrite(name, handle.truncate(size)),
    sync: () => explainWrite(name, flush.finish()),
    [Symbol.asyncDispose]: async () => handle.close(),
  };
}

/** A durable copy of a file under a name that must not exist; shares its blocks where the file system can. */
export async function copyFile(from: string, to: string): Promise<void> {
  const flags = constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE;
  await explainWrite(to, copy(from, to, flags));
  const handle = await open(to, "r+");
  await explainWrite(to, handle.sync()).finally(() => handle.close());
}

/** Syncs in the background while more is being written, one sync at a time; its failure is that of `finish`. */
function flusher(handle: FileHandle) {
  let unsynced = 0;
  let underWay: Promise<void> | undefined;
  let failure: { cause: unknown } | undefined;
  return {
    wrote(bytes: number): void {
      unsynced += bytes;
      if (unsynced < SYNC_EVERY || underWay !== undefined) return;
      unsynced = 0;
      underWay = handle.datasync().then(
        () => void (underWay = undefined),
        (cause: unknown) => void (failure = { cause }),
      );
    },
    async finish(): Promise<void> {
      await underWay;
      if (failure !== undefined) throw failure.cause;
      await handle.sync();
    },
  };
}

/**
 * Creates a file that will appear as `target`. Until then it lies beside it under a name of its own, so that two
 * writers of one target cannot harm each other. Refuses a target that is anything but a regular file, or can be none.
 */
export async function createDurableFile(target: string, mode = 0o600): Promise<DurableFile> {
  await refuseImpossibleFile(target);
  const temporary = join(
    dirname(target),
    `${basename(target).slice(0, 48)}.${randomName(12)}.part`,
  );
  const file = await createNamed(temporary, target, mode);
  const dispose = once(async () => file[Symbol.asyncDispose]());
  return {
    ...file,
    async commit(as = target) {
      await file.sync();
      await dispose();
      await explainWrite(as, rename(temporary, as));
      await syncDirectory(dirname(as));
    },
    async [Symbol.asyncDispose]() {
      await dispose();
      await rm(temporary, { force: true });
    },
  };
}

/** Replacing a device or a folder by a file is never what was meant; better told before the work than after it. */
async function refuseImpossibleFile(target: string): Promise<void> {
  if (target === "" || target.endsWith(sep))
    throw new HoldfastError("failed", `cannot write "${target}": it names no file`, {
      hint: "give the name of a file, or - for standard output",
    });
  const found = await explainWrite(target, stat(target).catch(absent));
  if (found !== undefined && !found.isFile())
    throw new HoldfastError(
      "failed",
      `cannot write "${target}": it exists and is not a regular file`,
      { hint: "give another name" },
    );
}

function absent(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
}

function once(action: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => (done ??= action());
}

/**
 * Bytes given to the kernel at a time. For 2 MiB or more it takes huge pages for its cache, and on virtual machines
 * those are often not there yet: the same file then took eight times as long to write.
 */
const MOST_AT_ONCE = 512 << 10;

async function writeFully(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    const length = Math.min(bytes.length - written, MOST_AT_ONCE);
    written += (await handle.write(bytes, written, length, position + written)).bytesWritten;
  }
}

/** The result of a file operation; its failure as a sentence that names the file. */
async function explainWrite<T>(name: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw writeFailure(`cannot write "${name}"`, error);
  }
}
