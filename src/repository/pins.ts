/** Pins: backups that are never removed. */
import { z } from "zod";
import { HoldfastError } from "../errors.ts";
import { now } from "../io/clock.ts";
import type { Waiting } from "../store/store.ts";
import type { LoadedBackup } from "./catalog.ts";
import { encodeDocument } from "./document.ts";
import { parseKey, pinKey, pinsPrefix, signatureKey } from "./layout.ts";
import type { Repository } from "./repository.ts";
import { deleteSigned, putSigned } from "./signed-document.ts";
import { isoTime } from "./stamp.ts";
import type { Sign } from "./trust.ts";

const PIN = z.object({
  version: z.literal(1),
  kind: z.literal("holdfast-pin"),
  cluster: z.string(),
  id: z.string(),
  /** Of the manifest that is pinned. */
  manifest: z.string(),
  time: z.string(),
  tool: z.string(),
});

/**
 * The IDs that are pinned. A pin counts by its name alone, signed or not: a forged one keeps what its forger could
 * have copied anyhow, while a pin that did not count would lose what somebody wanted to keep.
 */
export async function listPins(
  { store }: Repository,
  cluster: string,
  { signal }: Waiting,
): Promise<ReadonlySet<string>> {
  const pinned = new Set<string>();
  for await (const { key } of store.list(pinsPrefix(cluster), { signal })) {
    const part = parseKey(key);
    if (part?.kind === "pin") pinned.add(part.id);
  }
  return pinned;
}

/** Pins a backup. Whether it was not pinned before. */
export async function pinBackup(
  repository: Repository,
  { manifest: { cluster, id }, sha256 }: LoadedBackup,
  options: Waiting & { readonly sign: Sign; readonly tool: string },
): Promise<boolean> {
  const key = pinKey({ cluster, id });
  const { store } = repository;
  if ((await store.stat(key, options)) !== undefined) return false;
  const pin: z.input<typeof PIN> = {
    version: 1,
    kind: "holdfast-pin",
    cluster,
    id,
    manifest: sha256,
    time: isoTime(now().getTime()),
    tool: options.tool,
  };
  // What an interrupted pin or unpin left: its signature is over another time.
  await store.delete(signatureKey(key), options);
  try {
    await putSigned(repository, key, encodeDocument(PIN, pin, `the pin of ${id}`), options);
    return true;
  } catch (error) {
    if (error instanceof HoldfastError && error.code === "object-exists") return false;
    throw error;
  }
}

/** Takes the pin away. Whether there was one. */
export async function unpinBackup(
  repository: Repository,
  backup: { readonly cluster: string; readonly id: string },
  options: Waiting,
): Promise<boolean> {
  const key = pinKey(backup);
  const isPinned = (await repository.store.stat(key, options)) !== undefined;
  await deleteSigned(repository, key, options);
  return isPinned;
}
