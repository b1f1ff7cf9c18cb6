import { readSmallFile } from "../io/small-file.ts";
import { systemWords } from "../io/system-error.ts";
import { StoreFailure } from "./failure.ts";

/**
 * A small file that somebody named, with a parameter of the URL where `parameter` says which. Throws "store-misconfigured"
 * with the path and the reason.
 */
export async function readGivenFile(path: string, parameter?: string): Promise<Buffer> {
  try {
    return Buffer.from(await readSmallFile(path));
  } catch (cause) {
    const what = parameter === undefined ? "" : `${parameter} `;
    const message = `cannot read ${what}"${path}": ${systemWords(cause)}`;
    throw new StoreFailure("store-misconfigured", message, { cause });
  }
}
