import { open, stat } from "node:fs/promises";
import { openPipe } from "./pipe.ts";

/** Longer files than this are no certificates, keys or passwords, whatever their name is. */
const LIMIT_BYTES = 4 << 20;

/**
 * A whole small file, or what a pipe or a device gives. A pipe whose writer is late is waited for, until `signal` is
 * aborted. Throws its reason then; else the system's error, or a RangeError for more than 4 MiB, of which no more is
 * read.
 */
export async function readSmallFile(path: string, signal?: AbortSignal): Promise<Uint8Array> {
  const pipe = await openPipe(path);
  const stop = (): void => void pipe?.destroy(signal?.reason as Error);
  if (signal?.aborted) stop();
  signal?.addEventListener("abort", stop, { once: true });
  try {
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of pipe ?? filePieces(path)) {
      pieces.push(piece);
      size += piece.length;
      if (size > LIMIT_BYTES) throw new RangeError("it is longer than 4 MiB");
    }
    return Buffer.concat(pieces);
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

async function* filePieces(path: string): AsyncGenerator<Uint8Array> {
  await using file = await open(path, "r");
  for (;;) {
    const { bytesRead, buffer } = await file.read(new Uint8Array(64 << 10), 0);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

/** Permission bits of a regular file; undefined for pipes, devices, and what is not there. */
export async function permissionsOf(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() === true ? found.mode & 0o777 : undefined;
}
