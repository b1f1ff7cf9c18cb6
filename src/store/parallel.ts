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

/** As `get`: the bytes in order, whichever range comes first. */
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
  const read = (at: number): Promise<Uint8Array> => {
    const range = { offset: at, length: Math.min(rangeBytes, end - at) };
    const bytes = collect(store, key, { ...range, signal: AbortSignal.any([signal, stop.signal]) });
    bytes.catch(() => {}); // whoever waits for it hears of it; after an earlier failure nobody does
    return bytes;
  };
  const running: Promise<Uint8Array>[] = [];
  let at = offset;
  try {
    for (;;) {
      for (; running.length < AHEAD && at < end; at += rangeBytes) running.push(read(at));
      const next = running.shift();
      if (next === undefined) return;
      yield await next;
    }
  } finally {
    stop.abort(new Error("nobody reads on"));
  }
}

async function collect(
  store: Store,
  key: string,
  range: Required<GetOptions>,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(range.length);
  let length = 0;
  for await (const piece of store.get(key, range)) {
    bytes.set(piece.subarray(0, range.length - length), length);
    length += piece.length;
    if (length > range.length) break;
  }
  if (length === range.length) return bytes;
  throw new StoreFailure(
    "store-wrong-answer",
    `cannot read "${key}": ${length} bytes came from ${range.offset} on, wanted ${range.length}`,
  );
}
