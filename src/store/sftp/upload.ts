/** A file on a server that is being written: many requests under way, and a broken session is no end. */
import { abortable } from "../../io/abortable.ts";
import { fastCrc32c } from "../../io/crc32c.ts";
import { StoreFailure } from "../failure.ts";
import { REQUEST_BYTES, readHandle } from "./read.ts";
import {
  close,
  openFile,
  persistently,
  STATUS,
  statusOf,
  sync,
  within,
  type Remote,
} from "./remote.ts";
import type { SftpSession } from "./session.ts";

/** What is sent again when a session breaks; two of them are under way at once, as 64 requests. */
const BLOCK_BYTES = 32 * REQUEST_BYTES;
const BLOCKS = 2;

export interface Upload {
  /** Writes all of `body`, syncs and closes the file. Its size. */
  write(body: AsyncIterable<Uint8Array>): Promise<number>;
  /** Lets go of a file that was not written to its end: open ones take room although they are removed. */
  release(): Promise<void>;
}

/** An upload to `path` in the folder for incoming objects. `doing` is as in `cannot write "KEY"`. */
export function createUpload(
  remote: Remote,
  path: string,
  doing: string,
  signal: AbortSignal,
): Upload {
  const file = openings(remote, path);
  const written = { size: 0, crc: 0 };
  const writeBlock = (block: Buffer, position: number): Promise<void> =>
    persistently(remote, doing, signal, async (session, moved) => {
      const handle = await file.handle(session);
      await sendBlock(session, handle, block, position, moved);
    });
  const finish = async (session: SftpSession): Promise<void> => {
    const handle = await file.handle(session);
    await sync(session, handle);
    if (file.sessions > 1) await requireWritten(session, handle, written, doing);
    await file.close();
  };
  return {
    release: () => file.release(),
    async write(body) {
      const queue: Promise<void>[] = [];
      for await (const block of blocksOf(abortable(body, signal))) {
        if (queue.length === BLOCKS) await queue.shift();
        const sent = writeBlock(block, written.size);
        // it may fail while the body is awaited
        sent.catch(() => {});
        queue.push(sent);
        written.crc = fastCrc32c(block, written.crc);
        written.size += block.length;
      }
      await Promise.all(queue);
      // the disk behind the server may take its time
      await persistently(remote, doing, signal, finish, remote.persistence.noProgressMs);
      return written.size;
    },
  };
}

interface Openings {
  /** The file's handle in this session. */
  handle(session: SftpSession): Promise<Buffer>;
  /** Closes it, if it is open; a failure comes through. */
  close(): Promise<void>;
  /** Closes it, if it can be closed; it is not opened again. */
  release(): Promise<void>;
  /** In how many it was opened. */
  readonly sessions: number;
}

function openings(remote: Remote, path: string): Openings {
  let current: { session: SftpSession; handle: Promise<Buffer> } | undefined;
  let sessions = 0;
  let isReleased = false;
  const open = async (session: SftpSession): Promise<Buffer> => {
    const handle =
      sessions === 0
        ? await within(session, remote.incoming, () => openFile(session, path, "create"))
        : await reopen(session, path, remote);
    sessions++;
    return handle;
  };
  // servers give the number of a handle to the next file that is opened: it is closed once, and not used any more
  const closeOnce = async (): Promise<void> => {
    const last = current;
    current = undefined;
    if (last !== undefined) await close(last.session, await last.handle);
  };
  return {
    handle(session) {
      if (isReleased) return Promise.reject(new Error("the upload is over"));
      if (current?.session === session) return current.handle;
      const opened = { session, handle: open(session) };
      opened.handle.catch(() => {
        if (current === opened) current = undefined;
      });
      current = opened;
      return opened.handle;
    },
    close: closeOnce,
    async release() {
      isReleased = true;
      await closeOnce().catch(() => {});
    },
    get sessions() {
      return sessions;
    },
  };
}

async function reopen(session: SftpSession, path: string, { root }: Remote): Promise<Buffer> {
  try {
    return await openFile(session, path, "change");
  } catch (error) {
    if (statusOf(error) !== STATUS.missing) throw error;
    const message = `what was written to "${root}" is not there any more`;
    throw new StoreFailure("store-not-there", message, {
      hint: "see whether it is still mounted on the server, and whether somebody else sweeps there",
    });
  }
}

async function sendBlock(
  session: SftpSession,
  handle: Buffer,
  block: Buffer,
  position: number,
  moved: () => void,
): Promise<void> {
  const sent: Promise<void>[] = [];
  for (let at = 0; at < block.length; at += REQUEST_BYTES) {
    const length = Math.min(REQUEST_BYTES, block.length - at);
    const request = session.ask<void>((sftp, answer) =>
      sftp.write(handle, block, at, length, position + at, (error) => answer(error, undefined)),
    );
    sent.push(request.then(moved));
  }
  await Promise.all(sent);
}

/** Blocks of one size but for the last, in memory that is used again three blocks later. */
async function* blocksOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const ring: Buffer[] = [];
  let number = 0;
  let used = 0;
  const current = (): Buffer =>
    (ring[number % (BLOCKS + 1)] ??= Buffer.allocUnsafeSlow(BLOCK_BYTES));
  for await (const bytes of body) {
    for (let at = 0; at < bytes.length;) {
      const piece = bytes.subarray(at, at + BLOCK_BYTES - used);
      current().set(piece, used);
      used += piece.length;
      at += piece.length;
      if (used < BLOCK_BYTES) continue;
      yield current();
      number++;
      used = 0;
    }
  }
  if (used > 0) yield current().subarray(0, used);
}

/** A server that was started anew between two sessions may have lost what it had taken. */
async function requireWritten(
  session: SftpSession,
  handle: Buffer,
  written: { size: number; crc: number },
  doing: string,
): Promise<void> {
  let [size, crc] = [0, 0];
  for await (const bytes of readHandle(session, handle, 0, written.size)) {
    crc = fastCrc32c(bytes, crc);
    size += bytes.length;
  }
  if (size === written.size && crc === written.crc) return;
  throw new StoreFailure(
    "store-wrong-answer",
    `cannot ${doing}: after a broken connection the server does not hold what it had taken`,
    { hint: "see whether the server was started anew, and run it again" },
  );
}
