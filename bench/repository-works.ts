/** The works on a repository, beside scripts of the usual tools that do the same. */
import { join } from "node:path";
import { BIN } from "../test/support/holdfast.ts";
import { objectOf, type Manifest } from "../src/repository/manifest.ts";
import { yearOfBackups } from "./backups.ts";
import { openBucket, openDepot, shell, type Depot } from "./bucket.ts";
import type { Contest, Side } from "./contest.ts";
import { snapshot, type Size } from "./input.ts";
import { measured } from "./measure.ts";
import { clearOutput, OUTPUT, removeOutput } from "./output-folder.ts";
import { boot, contents, serve } from "./server.ts";

const SCRIPT_OBJECT = "script/f.zst.age";

const BACKUP_SCRIPT = `
cd "$OUTPUT"
etcdctl snapshot save f --endpoints="$ENDPOINT"
etcdutl snapshot status f
LD_LIBRARY_PATH="$LIBRARIES" zstd -q -3 -T0 f
age -R "$HOLDFAST_RECIPIENTS_FILE" f.zst > f.zst.age
aws s3 cp --no-progress f.zst.age "$OBJECT"
`;

/** From a running etcd into the bucket. What arrived is opened with the usual tools, whoever put it. */
export async function beginBackup(size: Size): Promise<Contest> {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await serve(await snapshot(size)));
  const depot = stack.use(await openDepot());
  stack.defer(removeOutput);
  const endpoint = server.endpoints[0]!;
  const scriptURL = depot.objectURL(SCRIPT_OBJECT);
  const opened = stack.move();
  return {
    ours: [BIN, "backup", `--endpoints=${endpoint}`, "--output=json"],
    peers: shell(BACKUP_SCRIPT),
    env: { ...depot.env, ENDPOINT: endpoint, OBJECT: scriptURL },
    async prepare() {
      await clearOutput();
      await depot.clear();
      await depot.remove(SCRIPT_OBJECT);
    },
    async outcome({ stdout }, by) {
      await clearOutput();
      const isOurs = by === "ours";
      return opensTo(
        depot,
        isOurs ? snapshotURL(depot, JSON.parse(stdout) as Manifest) : scriptURL,
      );
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

function snapshotURL(depot: Depot, manifest: Manifest): string {
  return depot.repositoryObjectURL(objectOf(manifest, "snapshot").key);
}

const OPEN_SCRIPT = `
aws s3 cp --no-progress "$OBJECT" - | age -d -i "$HOLDFAST_IDENTITY" |
  LD_LIBRARY_PATH="$LIBRARIES" zstd -q -d -o "$OUTPUT/opened"
`;

async function opensTo(depot: Depot, objectURL: string): Promise<string> {
  await measured(shell(OPEN_SCRIPT), { ...depot.env, OBJECT: objectURL });
  return contents(join(OUTPUT, "opened"));
}

/** A depot with one backup of an input in it. */
async function filledDepot(size: Size): Promise<{ depot: Depot; manifest: Manifest }> {
  await using server = await serve(await snapshot(size));
  await using stack = new AsyncDisposableStack();
  const depot = stack.use(await openDepot());
  const backup = [BIN, "backup", `--endpoints=${server.endpoints[0]}`, "--output=json"];
  const { stdout } = await measured(backup, depot.env);
  stack.move(); // from here on it is the caller's
  return { depot, manifest: JSON.parse(stdout) as Manifest };
}

const RESTORE_SCRIPT = `
cd "$OUTPUT"
aws s3 cp --no-progress "$OBJECT" f.zst.age
age -d -i "$HOLDFAST_IDENTITY" f.zst.age > f.zst
LD_LIBRARY_PATH="$LIBRARIES" zstd -q -d f.zst
etcdutl snapshot restore f --data-dir="$DATA_DIR"
`;

/** Both from the same object. What they made is booted. */
export async function beginRestoreFromStore(size: Size): Promise<Contest> {
  const { depot, manifest } = await filledDepot(size);
  const dataDir = join(OUTPUT, "restored");
  return {
    ours: [BIN, "restore", "latest", `--data-dir=${dataDir}`],
    peers: shell(RESTORE_SCRIPT),
    env: { ...depot.env, OBJECT: snapshotURL(depot, manifest), DATA_DIR: dataDir },
    prepare: clearOutput,
    outcome: () => bootsTo(dataDir),
    async [Symbol.asyncDispose]() {
      await depot[Symbol.asyncDispose]();
      await removeOutput();
    },
  };
}

async function bootsTo(dataDir: string): Promise<string> {
  await using server = await boot(dataDir);
  const all = ["get", "--prefix", "", "--count-only", "--write-out=fields"];
  const { stdout, stderr, status } = await server.ctl(...all);
  const count = /^"Count" : (\d+)$/m.exec(stdout)?.[1];
  if (status !== 0 || count === undefined)
    throw new Error(`the restored etcd does not answer: ${stdout}${stderr}`);
  return `a cluster of ${count} keys`;
}

/** Ours reads the report of the backup as well, a few kilobytes. */
export async function beginVerify(size: Size): Promise<Contest> {
  const { depot, manifest } = await filledDepot(size);
  return {
    ours: [BIN, "verify", "--read-stored", "--output=json"],
    peers: shell('aws s3 cp --no-progress "$OBJECT" - | sha256sum'),
    env: { ...depot.env, OBJECT: snapshotURL(depot, manifest) },
    prepare: async () => {},
    outcome: ({ stdout }, by) =>
      by === "ours" ? provenSha256(stdout, manifest) : stdout.slice(0, 64),
    [Symbol.asyncDispose]: () => depot[Symbol.asyncDispose](),
  };
}

/** Ours does not print it: it says whether it is that of the manifest. */
function provenSha256(stdout: string, manifest: Manifest): string {
  const [verdict] = JSON.parse(stdout) as { id: string; isProven: boolean }[];
  const isProven = verdict?.id === manifest.id && verdict.isProven;
  return isProven ? objectOf(manifest, "snapshot").sha256 : "none";
}

/** As text without what ours read the time before, as JSON with it. */
export async function beginList(output: "text" | "json"): Promise<Contest> {
  const bucket = await openBucket(await yearOfBackups());
  await clearOutput();
  return {
    ours: [BIN, "list", `--output=${output}`],
    peers: ["aws", "s3", "ls", bucket.repositoryObjectURL("default/backups/")],
    env: bucket.env,
    prepare: output === "text" ? clearOutput : async () => {},
    outcome: ({ stdout }, by) => `${backupsIn(stdout, by)} backups`,
    async [Symbol.asyncDispose]() {
      await bucket[Symbol.asyncDispose]();
      await removeOutput();
    },
  };
}

function backupsIn(stdout: string, by: Side): number {
  if (stdout.startsWith("[")) return (JSON.parse(stdout) as unknown[]).length;
  const lines = stdout.trimEnd().split("\n");
  return by === "peer" ? lines.filter((line) => line.endsWith(".json")).length : lines.length - 1;
}
