import { readSync } from "node:fs";

/** Blocking read of an open file into new memory; shorter only at its end. Errors of the file system come as they are. */
export function readFully(fd: number, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const read = readSync(fd, bytes, filled, length - filled, offset + filled);
    if (read === 0) break;
    filled += read;
  }
  return bytes.subarray(0, filled);
}
