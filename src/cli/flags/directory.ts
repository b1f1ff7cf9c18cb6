import { join } from "node:path";
import { shellWord } from "../../format/shell-word.ts";

/** With what etcd finds a restored data dir: its log is elsewhere unless it lies just where etcd looks for it. */
export function directoryFlags(place: {
  readonly dataDir: string;
  readonly walDir: string;
}): string {
  const { dataDir, walDir } = place;
  const isWhereEtcdLooks = walDir === join(dataDir, "member", "wal");
  return `--data-dir=${shellWord(dataDir)}${isWhereEtcdLooks ? "" : ` --wal-dir=${shellWord(walDir)}`}`;
}
