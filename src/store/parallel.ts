/** A store whose large objects are read in several ranges at once: one connection to a far service is slow. */
import { StoreFailure } from "./failure.ts";
import type { GetOptions, Store } from "./store.ts";

/** Bytes of a range; smaller objects are read as they are. */
const RANGE_BYTES = 4 << 20;
/** Ranges under way, and in memory, at once. */
const AHEAD = 4;
/** Kinds of stores for which a range costs no more than its bytes, and that are far away. */
const FAR = /^(s3|gs|azblob|sftp):/;

/** The same store. Folders, and rsync, which fetches whole objects, stay as they are. */
export function parallelReads(store: Store): Store {
  if (!FAR.test(store.url)) return store;
  return { ...store, get: (key, options) => readParallel(store, key, options) };
}

/** As `get`: the bytes in order, whichever range comes first; each piece is valid until the next is asked for. */
export async function* readParallel(
  store: Store,
  key: string,
  options: GetOptions,
  rangeBytes = RANGE_BYTES,
): AsyncGenerator<Uint8Array> {
  const { offset = 0, length = Infinity, signal } = options;
  const info = await store.stat(key, { signal });
  const end = Math.min(info?.size ?? 0, offset + length);
  if (end - offset <= rangeBytes) return yield* store.get(key, options);
  const stop = new AbortController();
  // used again and again: what is only garbage stays for long where every piece is megabytes
  const spare: ArrayBuffer[] = [];
  const read = (at: number): Promise<Uint8Array<ArrayBuffer>> => {
    const memory = new Uint8Array(spare.pop() ?? new ArrayBuffer(rangeBytes));
    const into = memory.subarray(0, Math.min(rangeBytes, end - at));
    const range = { offset: at, signal: AbortSignal.any([signal, stop.signal]) };
    const bytes = collect(store, key, range, into);
    bytes.catch(() => {}); // whoever waits for it hears of it; after an earlier failure nobody does
    return bytes;
  };
  const running: Promise<Uint8Array<ArrayBuffer>>[] = [];
  let at = offset;
  try {
    for (;;) {
      for (; running.length < AHEAD && at < end; at += rangeBytes) running.push(read(at));
      const next = running.shift();
      if (next === undefined) return;
      const bytes = await next;
      yield bytes;
      spare.push(bytes.buffer);
    }
  } finally {
    stop.abort(new Error("nobody reads on"));
  }
}

/** Fills `bytes` with the object from an offset on. */
async function collect(
  store: Store,
  key: string,
  { offset, signal }: { readonly offset: number; readonly signal: AbortSignal },
  bytes: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  let length = 0;
  for await (const piece of store.get(key, { offset, length: bytes.length, signal })) {
    bytes.set(piece.subarray(0, bytes.length - length), length);
    length += piece.length;
    if (length > bytes.length) break;
  }
  if (length === bytes.length) return bytes;
  throw new StoreFailure(
    "store-wrong-answer",
    `cannot read "${key}": ${length} bytes came from ${offset} on, wanted ${bytes.length}`,
  );
}
