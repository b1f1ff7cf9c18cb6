/** A repository that has been in use for a year: small backups of every hour, built once into the git-ignored `.cache/bench/`. */
import { existsSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { silentLog } from "../src/io/log.ts";
import { initRepository } from "../src/repository/repository.ts";
import { openStore } from "../src/store/open.ts";
import { keyFiles } from "../test/support/key-files.ts";
import { addRealBackup, ALICE, EPOCH, HOUR, waiting } from "../test/support/repository.ts";
import { openBucket } from "./bucket.ts";
import { CACHE, digestOf, removeOlder } from "./input.ts";

export const BACKUPS = 10_000;

const SOURCES = [
  "backups.ts",
  "../src/repository/layout.ts",
  "../src/repository/manifest.ts",
  "../src/repository/publish.ts",
];

/** Where the S3 service keeps it: for `openBucket`; built when it is not there, which takes minutes. */
export async function yearOfBackups(): Promise<string> {
  const name = "backups-";
  const home = join(CACHE, `${name}${digestOf(SOURCES)}`);
  if (existsSync(home)) return home;
  process.stderr.write(`bench: building ${home}\n`);
  await removeOlder(name);
  await build(`${home}.part`);
  await rename(`${home}.part`, home);
  return home;
}

/** Each is sealed, signed, and names the one before it. */
async function build(home: string): Promise<void> {
  await rm(home, { recursive: true, force: true });
  await using bucket = await openBucket(home);
  const { repositoryURL, env } = bucket;
  await using repository = await initRepository(
    await openStore(repositoryURL, { env, log: silentLog }),
    waiting,
  );
  await using keys = await keyFiles(ALICE);
  let previous: { id: string; sha256: string } | null = null;
  for (let hour = 0; hour < BACKUPS; hour++) {
    const { name, sha256 } = await addRealBackup(repository, {
      cluster: "default",
      time: EPOCH + hour * HOUR,
      recipients: keys.recipients,
      more: { previous },
    });
    previous = { id: name.id, sha256 };
  }
}
