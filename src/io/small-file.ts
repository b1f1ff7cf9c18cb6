import { open } from "node:fs/promises";

/** Longer files than this are no certificates, keys or passwords, whatever their name is. */
const LIMIT_BYTES = 4 << 20;

/**
 * A whole small file, or what a pipe or a device gives. Throws the system's error, or a RangeError for more than 4 MiB,
 * of which no more is read.
 */
export async function readSmallFile(path: string): Promise<Uint8Array> {
  await using file = await open(path, "r");
  const pieces: Uint8Array[] = [];
  for (let size = 0; ;) {
    const { bytesRead, buffer } = await file.read(new Uint8Array(64 << 10), 0);
    if (bytesRead === 0) return Buffer.concat(pieces);
    pieces.push(buffer.subarray(0, bytesRead));
    size += bytesRead;
    if (size > LIMIT_BYTES) throw new RangeError("it is longer than 4 MiB");
  }
}
