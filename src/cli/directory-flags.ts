import { join } from "node:path";

/** With what etcd finds a restored data dir: its log is elsewhere unless it lies just where etcd looks for it. */
export function directoryFlags(place: {
  readonly dataDir: string;
  readonly walDir: string;
}): string {
  const { dataDir, walDir } = place;
  const isWhereEtcdLooks = walDir === join(dataDir, "member", "wal");
  return `--data-dir=${word(dataDir)}${isWhereEtcdLooks ? "" : ` --wal-dir=${word(walDir)}`}`;
}

/** As a shell reads it back. */
function word(path: string): string {
  return /^[\w./:@%+=-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
