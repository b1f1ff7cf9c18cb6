/** A store with our layout in it, told by the marker at its root. */
import { z } from "zod";
import { HoldfastError } from "../errors.ts";
import { now } from "../io/clock.ts";
import { randomName } from "../io/random.ts";
import type { Store, Waiting } from "../store/store.ts";
import {
  decodeDocument,
  encodeDocument,
  MOST_DOCUMENT_BYTES,
  putSmallObject,
  readSmallObject,
} from "./document.ts";
import { MARKER_KEY } from "./layout.ts";
import { isoTime } from "./stamp.ts";

const FORMAT_VERSION = 1;

/** No keys: trust never comes from the store. */
const MARKER = z.object({
  version: z.literal(FORMAT_VERSION),
  kind: z.literal("holdfast-repository"),
  /** Drawn once: what was proven of one repository says nothing of its copies. */
  id: z.string().regex(/^[0-9a-f]{32}$/),
  created: z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/),
});

/** Disposing of it closes its store. */
export interface Repository extends AsyncDisposable {
  readonly store: Store;
  readonly id: string;
}

/** Makes a repository of a store. Throws "repository-exists": nothing is ever overwritten. */
export async function initRepository(store: Store, options: Waiting): Promise<Repository> {
  const marker: z.input<typeof MARKER> = {
    version: FORMAT_VERSION,
    kind: "holdfast-repository",
    id: randomName(32),
    created: isoTime(now().getTime()),
  };
  const exists = (): HoldfastError =>
    new HoldfastError("repository-exists", `${store.url} is a repository already`);
  if ((await store.stat(MARKER_KEY, options)) !== undefined) throw exists();
  try {
    await putSmallObject(store, MARKER_KEY, encodeDocument(MARKER, marker, MARKER_KEY), options);
  } catch (error) {
    if (error instanceof HoldfastError && error.code === "object-exists") throw exists();
    throw error;
  }
  return repositoryOf(store, marker.id);
}

/**
 * Opens the repository in a store. Throws "store-not-there" when there is none, as in the empty folder where a disk
 * should be mounted, and "format-newer".
 */
export async function openRepository(store: Store, { signal }: Waiting): Promise<Repository> {
  const bytes = await readMarker(store, signal);
  const { id } = decodeDocument(MARKER, bytes, {
    what: `${MARKER_KEY} of ${store.url}`,
    version: FORMAT_VERSION,
  });
  return repositoryOf(store, id);
}

async function readMarker(store: Store, signal: AbortSignal): Promise<Uint8Array> {
  try {
    return await readSmallObject(store, MARKER_KEY, { most: MOST_DOCUMENT_BYTES, signal });
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== "object-missing") throw error;
    const isFolder = /^(\/|file:)/.test(store.url);
    throw new HoldfastError("store-not-there", `there is no repository at ${store.url}`, {
      hint: isFolder
        ? "is the file system mounted? A new repository is made with `holdfast init`"
        : "is the prefix right? A new repository is made with `holdfast init`",
      cause: error,
    });
  }
}

function repositoryOf(store: Store, id: string): Repository {
  return { store, id, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
}
