/**
 * A data dir that is there whole or not at all: looked at before anything is written, built under another name on its
 * own file system, synced, and published by one rename. A WAL dir of its own is published just before it, so that a
 * data dir never stands without its log.
 */
import { basename, dirname, join, relative, sep } from "node:path";
import { HoldfastError } from "../errors.ts";
import {
  canonicalPath,
  canRename,
  createDirectories,
  exists,
  isMountPoint,
  listDirectory,
  ownerOf,
  removeEmptyDirectories,
  removeTree,
  renameDirectory,
  requireSpace,
  syncDirectory,
  syncTree,
} from "../io/directory.ts";
import { randomName } from "../io/random.ts";

/** Where everything will be. Paths are absolute and free of links. */
export interface DataDirPlan {
  readonly dataDir: string;
  readonly walDir: string;
  /**
   * The data dir that is there already, empty, and the user who owns it: `member` is renamed into it, and it stays the
   * folder that it was, with its owner and mode.
   */
  readonly present: { readonly owner: number } | undefined;
  /** The folder in which the data dir is built: its parent, or itself where a rename could not reach it from there. */
  readonly stageIn: string;
}

/** A data dir in the making. Disposed without `publish`, nothing of it is left, created parents included. */
export interface StagedDataDir extends AsyncDisposable {
  /** Folders to write into, until `publish`. */
  readonly snapDir: string;
  readonly walDir: string;
  /** Makes every folder durable and gives everything its name. The files in them have to be synced before. */
  publish(): Promise<void>;
}

/**
 * Refuses what etcdutl refuses: a data dir with anything in it (`lost+found` in a mount point apart) and a WAL dir that
 * exists. `bytes`, where known, have to fit.
 */
export async function planDataDir(request: {
  readonly dataDir: string;
  /** undefined: inside the data dir, where etcd looks for it. */
  readonly walDir?: string | undefined;
  readonly bytes?: number | undefined;
}): Promise<DataDirPlan> {
  const names = await namesIn(request.dataDir);
  if (request.walDir !== undefined && (await exists(request.walDir)))
    throw new HoldfastError("data-dir-occupied", `wal-dir "${request.walDir}" exists`, {
      hint: "choose another --wal-dir, or move the old one away",
    });
  const dataDir = await canonicalPath(request.dataDir);
  const walDir = await canonicalPath(request.walDir ?? join(dataDir, "member", "wal"));
  refuseOverlap(dataDir, walDir);
  const stageIn = await stagingPlace(dataDir, names !== undefined);
  if (request.bytes !== undefined) await requireSpace(await nearest(stageIn), request.bytes);
  const present = names === undefined ? undefined : { owner: await ownerOf(dataDir) };
  return { dataDir, walDir, present, stageIn };
}

/** The names in an existing data dir that may stay; undefined when there is no data dir yet. */
async function namesIn(dataDir: string): Promise<string[] | undefined> {
  const occupied = (hint: string, cause?: unknown) =>
    new HoldfastError("data-dir-occupied", `data-dir "${dataDir}" not empty or could not be read`, {
      hint,
      cause,
    });
  try {
    const names = await listDirectory(dataDir);
    if (names === undefined && (await exists(dataDir))) throw new Error("a link to nothing");
    const kept = names?.length === 1 && names[0] === "lost+found" && (await isMountPoint(dataDir));
    if (names === undefined || names.length === 0 || kept) return names;
    throw occupied(`it holds "${names[0]}": choose another --data-dir, or move the old one away`);
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    throw occupied(`${(error as Error).message}: choose another --data-dir`, error);
  }
}

function refuseOverlap(dataDir: string, walDir: string): void {
  const snapDir = join(dataDir, "member", "snap");
  const clash = contains(walDir, snapDir) || contains(snapDir, walDir) || contains(walDir, dataDir);
  if (!clash) return;
  throw new HoldfastError(
    "data-dir-occupied",
    `wal-dir "${walDir}" and data-dir "${dataDir}" overlap`,
    {
      hint: "leave --wal-dir out, or choose a folder of its own",
    },
  );
}

/** Whether `inner` is `outer` or lies in it. */
function contains(outer: string, inner: string): boolean {
  const path = relative(outer, inner);
  return path === "" || (path !== ".." && !path.startsWith(`..${sep}`) && !path.startsWith(sep));
}

/** The parent, unless the data dir is there already and a folder cannot be renamed into it from there. */
async function stagingPlace(dataDir: string, present: boolean): Promise<string> {
  const parent = dirname(dataDir);
  return present && !(await canRename(parent, dataDir)) ? dataDir : parent;
}

/** The path, or what is nearest above it and exists. */
async function nearest(path: string): Promise<string> {
  return (await exists(path)) ? path : nearest(dirname(path));
}

/** Names under construction and the renames that end it. */
interface Layout {
  readonly snapDir: string;
  readonly walDir: string;
  /** The folders under construction, each on the file system of what it becomes. */
  readonly roots: readonly string[];
  /** In order; the one that makes `member` appear is the last. */
  readonly moves: readonly { readonly from: string; readonly to: string }[];
}

/** The data dir's tree is built as it will be; only a WAL dir outside it has a place of its own. */
function layOut({ dataDir, walDir, present, stageIn }: DataDirPlan): Layout {
  const stage = join(stageIn, hiddenName(dataDir));
  const inside = contains(dataDir, walDir);
  const walPath = relative(dataDir, walDir);
  const walStage = join(dirname(walDir), hiddenName(walDir));
  const [walTop = "member"] = inside ? walPath.split(sep) : [];
  const tops = walTop === "member" ? ["member"] : [walTop, "member"];
  const moves = present
    ? tops.map((name) => ({ from: join(stage, name), to: join(dataDir, name) }))
    : [{ from: stage, to: dataDir }];
  return {
    snapDir: join(stage, "member", "snap"),
    walDir: inside ? join(stage, walPath) : walStage,
    roots: inside ? [stage] : [stage, walStage],
    moves: inside ? moves : [{ from: walStage, to: walDir }, ...moves],
  };
}

/** Beside the real name, hidden, and telling whose it is should a power cut leave it there. */
function hiddenName(path: string): string {
  return `.${basename(path).slice(0, 48)}.holdfast-${randomName()}`;
}

/** Creates the folders of a planned data dir under names that nobody looks for. */
export async function stageDataDir(plan: DataDirPlan): Promise<StagedDataDir> {
  const layout = layOut(plan);
  await using undo = new AsyncDisposableStack();
  for (const root of layout.roots) {
    const parents = await createDirectories(dirname(root));
    undo.defer(() => removeEmptyDirectories(parents));
    for (const parent of parents) await syncDirectory(dirname(parent));
    await createDirectories(root);
    undo.defer(() => removeTree(root));
  }
  await createDirectories(layout.snapDir);
  await createDirectories(layout.walDir);
  const kept = undo.move();
  return {
    snapDir: layout.snapDir,
    walDir: layout.walDir,
    publish: () => publish(layout, kept),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

async function publish({ roots, moves }: Layout, undo: AsyncDisposableStack): Promise<void> {
  for (const root of roots) await syncTree(root);
  for (const { from, to } of moves) {
    await renameDirectory(from, to);
    undo.defer(() => removeTree(to));
    await syncDirectory(dirname(to));
  }
  undo.move();
  await removeEmptyDirectories(roots);
}
