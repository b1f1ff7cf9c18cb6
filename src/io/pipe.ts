import { constants, close, open, stat } from "node:fs";
import { Socket } from "node:net";
import type { Readable } from "node:stream";
import { promisify } from "node:util";

/**
 * Opens a pipe by its name (`mkfifo`, or what a shell makes of `<(command)`); undefined for anything else. It is read
 * without a thread that would have to wait: destroying the stream ends the reading at once, and so does leaving the
 * process, which otherwise waits for its threads.
 */
export async function openPipe(path: string): Promise<Readable | undefined> {
  if (!(await isPipe(path))) return undefined;
  // Without O_NONBLOCK opening waits for a writer, in a thread.
  const fd = await promisify(open)(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return new Socket({ fd, readable: true, writable: false });
  } catch (error) {
    await promisify(close)(fd);
    throw error;
  }
}

/** Throws the system's error for what is not there. */
export async function isPipe(path: string): Promise<boolean> {
  return ((await promisify(stat)(path)).mode & constants.S_IFMT) === constants.S_IFIFO;
}
