import { closeSync, fstatSync, openSync } from "node:fs";
import { HoldfastError } from "../errors.ts";
import { readFully } from "./read-fully.ts";

/** A file that is read at any place. Disposing closes it; once or more, that is the same. */
export interface RandomAccessFile extends Disposable {
  /** Bytes, when it was opened. */
  readonly size: number;
  /** Blocking read into new memory; shorter only at the end of the file. Throws "failed" once it is closed. */
  readAt(offset: number, length: number): Uint8Array;
}

/** Errors of the file system come as they are. */
export function openRandomAccess(path: string): RandomAccessFile {
  let fd: number | undefined = openSync(path, "r");
  return {
    size: fstatSync(fd).size,
    readAt(offset, length) {
      // The number may belong to another file by now.
      if (fd === undefined)
        throw new HoldfastError("failed", `cannot read "${path}": it is closed`);
      return readFully(fd, offset, length);
    },
    [Symbol.dispose]() {
      if (fd !== undefined) closeSync(fd);
      fd = undefined;
    },
  };
}
