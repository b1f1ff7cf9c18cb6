/**
 * One repository under two URLs: a symlink, two names of a server. A mirror made by other tools has the id of its
 * original as well; whether something that is written into one of them is there in the other tells them apart.
 */
import { HoldfastError } from "../errors.ts";
import { now } from "../io/clock.ts";
import { randomName } from "../io/random.ts";
import type { Waiting } from "../store/store.ts";
import { putSmallObject } from "./document.ts";
import { dataKey, RANDOM_DIGITS } from "./layout.ts";
import type { Repository } from "./repository.ts";

/**
 * Whether both are one place. Only where the ids are the same is something written, as a snapshot without a manifest:
 * where it cannot be removed again, it is swept as any other leftover.
 */
export async function isSamePlace(
  one: Repository,
  other: Repository,
  { cluster, signal }: Waiting & { readonly cluster: string },
): Promise<boolean> {
  if (one.id !== other.id) return false;
  const random = randomName(RANDOM_DIGITS);
  const key = dataKey({ cluster, time: now().getTime(), random }, "");
  await putSmallObject(one.store, key, new Uint8Array(1), { signal });
  try {
    return (await other.store.stat(key, { signal })) !== undefined;
  } finally {
    await one.store.delete(key, { signal }).catch(() => {});
  }
}

/** "usage": why nothing is written into the second of them. */
export function samePlace(one: Repository, other: Repository): HoldfastError {
  return new HoldfastError(
    "usage",
    `"${other.store.url}" and "${one.store.url}" are one place: a backup would be there once, and not twice`,
    { hint: "give every repository once, by one URL" },
  );
}
