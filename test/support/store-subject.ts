/** An empty store to be tested, and how tests of the contract talk to it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HoldfastError, type ErrorCode } from "../../src/errors.ts";
import type { ObjectInfo, Store } from "../../src/store/store.ts";
import { body, digest, type Digest, type Pieces } from "./body.ts";

/** An empty store, opened as users would, without wrappers. Disposing closes it and takes away what it holds. */
export interface Subject extends AsyncDisposable {
  readonly store: Store;
  /** What interrupted puts left behind, seen from beside the driver: multipart uploads, temporary files. */
  leftovers(): Promise<readonly string[]>;
  /** Leaves behind what a put to `key` leaves when its process is killed in the middle. */
  abandonPut(key: string): Promise<void>;
}

/** Registers a test that opens its own empty store. */
export type InStore = (title: string, run: (subject: Subject) => Promise<void>) => void;

/** Tests in the stores that `open` gives. */
export function inStores(open: () => Promise<Subject>): InStore {
  return (title, run) =>
    void test(title, async () => {
      await using subject = await open();
      await run(subject);
    });
}

/** For calls that nobody aborts. */
export const waiting = { signal: new AbortController().signal };

/** How an object, or a part of it, comes back. */
export async function read(
  store: Store,
  key: string,
  range: { offset?: number; length?: number } = {},
): Promise<Digest> {
  return digest(store.get(key, { ...range, ...waiting }));
}

/** The keys of a listing, in its order. */
export async function keys(store: Store, prefix = ""): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of store.list(prefix, waiting)) found.push(key);
  return found;
}

/** Puts `size` bytes that belong to the key. */
export async function put(
  store: Store,
  key: string,
  size: number,
  pieces?: Pieces,
): Promise<ObjectInfo> {
  return store.put(key, body(key, size, pieces), waiting);
}

/** Asserts how something fails. */
export async function fails(code: ErrorCode, work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error: unknown) => {
    assert.ok(error instanceof HoldfastError, `${error as Error}`);
    assert.equal(error.code, code, error.message);
    return true;
  });
}

/** Asserts that nothing is there, neither to be seen nor behind the scenes. */
export async function isEmpty({ store, leftovers }: Subject): Promise<void> {
  assert.deepEqual(await keys(store), []);
  assert.deepEqual(await leftovers(), []);
}

/** Works on all items, `width` at a time. */
export async function inParallel<T>(
  width: number,
  items: readonly T[],
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (const item of queue) await work(item);
    }),
  );
}
