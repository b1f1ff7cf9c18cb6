/** Files on a server, read with many requests under way. */
import type { SftpSession } from "./session.ts";
import { STATUS, statusOf } from "./remote.ts";

/** Of one request: what every server takes, so that the library sends it in one piece. */
export const REQUEST_BYTES = 31 << 10;
const REQUESTS = 64;

/**
 * The bytes from `from` to `to` of an open file, in order. Ends early where the file does. Pieces are in new memory.
 */
export async function* readHandle(
  session: SftpSession,
  handle: Buffer,
  from: number,
  to: number,
): AsyncGenerator<Uint8Array> {
  const underWay: Promise<Uint8Array>[] = [];
  let asked = from;
  for (let at = from; at < to;) {
    while (asked < to && underWay.length < REQUESTS) {
      const length = Math.min(REQUEST_BYTES, to - asked);
      const piece = readFully(session, handle, asked, length);
      // it may fail while another one is awaited
      piece.catch(() => {});
      underWay.push(piece);
      asked += length;
    }
    const wanted = Math.min(REQUEST_BYTES, to - at);
    const bytes = await underWay.shift()!;
    if (bytes.length > 0) yield bytes;
    if (bytes.length < wanted) return;
    at += bytes.length;
  }
}

/** Shorter only at the end of the file. */
async function readFully(
  session: SftpSession,
  handle: Buffer,
  position: number,
  length: number,
): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafeSlow(length);
  let filled = 0;
  while (filled < length) {
    const read = await readSome(session, handle, bytes, filled, position + filled);
    if (read === 0) break;
    filled += read;
  }
  return bytes.subarray(0, filled);
}

async function readSome(
  session: SftpSession,
  handle: Buffer,
  into: Buffer,
  at: number,
  position: number,
): Promise<number> {
  try {
    return await session.ask<number>((sftp, answer) =>
      sftp.read(handle, into, at, into.length - at, position, answer),
    );
  } catch (error) {
    if (statusOf(error) === STATUS.end) return 0;
    throw error;
  }
}
