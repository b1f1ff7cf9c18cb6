/** A store that must hold a certain object, or is not the right one: a disk that is not mounted looks like an empty folder. */
import { StoreFailure } from "./failure.ts";
import type { ObjectInfo, Store, Waiting } from "./store.ts";

/** The same store; puts and lists fail with "store-not-there" while the marker is missing. */
export function marked(store: Store, marker: string): Store {
  const requireMarker = async (waiting: Waiting): Promise<void> => {
    if ((await store.stat(marker, waiting)) !== undefined) return;
    throw new StoreFailure(
      "store-not-there",
      `there is no "${marker}" in ${store.url}, which every repository has`,
      {
        hint: "see whether the disk is mounted and the URL is right; a new one is made with holdfast init",
      },
    );
  };
  async function* list(prefix: string, options: Waiting): AsyncIterable<ObjectInfo> {
    await requireMarker(options);
    yield* store.list(prefix, options);
  }
  return {
    ...store,
    async put(key, body, options) {
      await requireMarker(options);
      return store.put(key, body, options);
    },
    list,
  };
}
