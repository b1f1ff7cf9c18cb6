import { open } from "node:fs/promises";

/** Longer files than this are no certificates, keys or passwords, whatever their name is. */
const LIMIT_BYTES = 4 << 20;

/** A whole small file. Throws the system's error, or a RangeError for a file of more than 4 MiB. */
export async function readSmallFile(path: string): Promise<Uint8Array> {
  await using file = await open(path, "r");
  const { size } = await file.stat();
  if (size > LIMIT_BYTES) throw new RangeError(`${size} bytes are too many`);
  return await file.readFile();
}
