/** What a person gets to hear of a backup that was published. */
import type { Published } from "../../repository/publish-snapshot.ts";
import { shellWord } from "../../format/shell-word.ts";
import { objectOf } from "../../repository/manifest.ts";
import type { Context } from "../context.ts";
import { count } from "./count.ts";
import { humanSize } from "./size.ts";

/** Without a last newline. */
export function publishedText({ manifest, placements }: Published): string {
  const { id, contents, revision, hashKV, sealing } = manifest;
  const stored = humanSize(objectOf(manifest, "snapshot").size);
  const confirmed = hashKV.isConfirmed ? ", as the member itself says" : "";
  const sealed =
    sealing.kind === "none" ? "NOT SEALED" : `sealed to ${sealing.recipients.join(", ")}`;
  return [
    `Backup ${id}`,
    `  revision ${revision}, ${count(contents.liveKeys, "key")}, ${humanSize(contents.dbSize)}; stored ${stored}, ${sealed}`,
    `  HashKV ${hashKV.hash}${confirmed}`,
    ...placements
      .filter(({ failure }) => failure === undefined)
      .map(({ repository }) => `  in ${repository.store.url}`),
  ].join("\n");
}

/** Names loudly where the backup is not, and how it gets there. */
export function tellMissing(
  { manifest, placements }: Published,
  missing: readonly string[],
  { log }: Context,
): void {
  const holder = placements.find(({ failure }) => failure === undefined)?.repository.store.url;
  const failed = placements.filter(({ failure }) => failure !== undefined);
  const urls = [...missing, ...failed.map(({ repository }) => repository.store.url)];
  for (const url of urls)
    log.warn(
      `the backup is NOT in ${url}; when that is well: ${copyCommand(holder!, url, manifest.cluster)}`,
    );
}

/** For the same cluster: without its name another one would be copied. */
function copyCommand(from: string, to: string, cluster: string): string {
  return `holdfast copy --repo ${shellWord(from)} --to ${shellWord(to)} --cluster ${cluster}`;
}
