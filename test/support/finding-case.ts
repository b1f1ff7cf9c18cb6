/** Snapshots that provoke a finding, and such that come near it: the ground that all of them share. */
import { databaseOf } from "./database.ts";
import { backendOf, withTrailer } from "./backend.ts";
import { emptyStore } from "./store.ts";
import type { Store } from "./store.ts";
import type { Entry } from "../../src/format/bbolt/reader.ts";
import type { FindingCode } from "../../src/inspect/finding-codes.ts";
import type { InspectOptions } from "../../src/inspect/inspect.ts";

export const PAGE = 4096;

export interface Case {
  readonly bytes: Uint8Array;
  readonly options?: InspectOptions;
  /** Where it is not the usual one. */
  readonly severity?: "error" | "warning";
}

/** Every case of `provoke` has the finding, none of `near` has. */
export type Cases = Partial<
  Record<FindingCode, { provoke: readonly Case[]; near: readonly Case[] }>
>;

/** 400 rows: a tree of a branch and some leaves. */
export function history(): Store {
  const store = emptyStore();
  for (let i = 0; i < 400; i++) store.put(`key-${i % 90}`, `value ${i}`.repeat(10));
  return store;
}

export const sound = databaseOf(backendOf(history()), { pageSize: PAGE });

/** The sound database, changed, under a trailer that fits. */
export function changed(change: (file: Uint8Array) => void, file = sound): Case {
  const copy = file.slice();
  change(copy);
  return { bytes: withTrailer(copy) };
}

/** A snapshot with these rows, or these buckets instead of the usual ones. */
export function holding(
  changes: Readonly<Record<string, readonly Entry[] | undefined>>,
  store = history(),
): Case {
  return { bytes: withTrailer(databaseOf(backendOf(store, changes), { pageSize: PAGE })) };
}

export function raw(bytes: Uint8Array, options: InspectOptions = {}): Case {
  return { bytes, options };
}

export const asIs = changed(() => {});
