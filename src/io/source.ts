import { open, type FileHandle } from "node:fs/promises";

/** Bytes in order, read into the caller's memory. */
export interface ByteSource {
  /** Fills at most `into`, at least one byte; 0 means the end. One call at a time. */
  read(into: Uint8Array): Promise<number>;
  /** Bytes to expect, where that is known: for progress and for choosing buffers, never trusted. */
  readonly sizeHint?: number;
}

/** Where proven bytes go, in order of position. */
export interface Sink {
  /** The bytes are valid only until the promise resolves. */
  write(bytes: Uint8Array, position: number): Promise<void>;
}

/** A file from its start; `await using` closes it. Regular files know their size, pipes and devices do not. */
export async function fileSource(path: string): Promise<ByteSource & AsyncDisposable> {
  const file = await open(path, "r");
  const stat = await file.stat();
  return {
    ...(stat.isFile() ? { sizeHint: stat.size } : {}),
    read: (into) => readSome(file, into),
    [Symbol.asyncDispose]: () => file.close(),
  };
}

/** Reads at the file's own position, so that pipes work too. */
async function readSome(file: FileHandle, into: Uint8Array): Promise<number> {
  const { bytesRead } = await file.read(into, 0, into.length, null);
  return bytesRead;
}

/** Pieces of any size as a source; what does not fit into one read is kept (as a view) for the next. */
export function iterableSource(pieces: AsyncIterable<Uint8Array>, sizeHint?: number): ByteSource {
  const iterator = pieces[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array(0);
  return {
    ...(sizeHint === undefined ? {} : { sizeHint }),
    async read(into) {
      while (rest.length === 0) {
        const next = await iterator.next();
        if (next.done === true) return 0;
        rest = next.value;
      }
      const taken = Math.min(rest.length, into.length);
      into.set(rest.length === taken ? rest : rest.subarray(0, taken));
      rest = rest.subarray(taken);
      return taken;
    },
  };
}
