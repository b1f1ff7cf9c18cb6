/**
 * A data dir that is there whole or not at all: built under another name on its own file system, synced, and published by
 * one rename. A WAL dir of its own is published just before it, so that a data dir never stands without its log; what was
 * there before is kept under another name.
 */
import { dirname, join, relative, sep } from "node:path";
import { HoldfastError } from "../errors.ts";
import {
  createDirectories,
  giveTree,
  removeEmptyDirectories,
  removeTree,
  renameDirectory,
  syncDirectory,
  syncTree,
} from "../io/directory.ts";
import { contains, hiddenName, type DataDirPlan, type Move } from "./data-dir-plan.ts";

/** A data dir in the making. Disposed without `publish`, nothing of it is left, created parents included. */
export interface StagedDataDir extends AsyncDisposable {
  /** Folders to write into, until `publish`. */
  readonly snapDir: string;
  readonly walDir: string;
  /**
   * Makes every folder durable and gives everything its name. The files in them have to be synced before. Resolves to
   * whether it belongs to whom the plan says.
   */
  publish(): Promise<boolean>;
}

/** Names under construction and the renames that end it. */
interface Layout {
  readonly snapDir: string;
  readonly walDir: string;
  /** The folders under construction, each on the file system of what it becomes. */
  readonly roots: readonly string[];
  /** In order; the one that makes `member` appear is the last. */
  readonly moves: readonly Move[];
}

/** The data dir's tree is built as it will be; only a WAL dir outside it has a place of its own. */
function layOut({ dataDir, walDir, isPresent, stageIn }: DataDirPlan): Layout {
  const stage = join(stageIn, hiddenName(dataDir));
  const inside = contains(dataDir, walDir);
  const walPath = relative(dataDir, walDir);
  const walStage = join(dirname(walDir), hiddenName(walDir));
  const [walTop = "member"] = inside ? walPath.split(sep) : [];
  const tops = walTop === "member" ? ["member"] : [walTop, "member"];
  const moves = isPresent
    ? tops.map((name) => ({ from: join(stage, name), to: join(dataDir, name) }))
    : [{ from: stage, to: dataDir }];
  return {
    snapDir: join(stage, "member", "snap"),
    walDir: inside ? join(stage, walPath) : walStage,
    roots: inside ? [stage] : [stage, walStage],
    moves: inside ? moves : [{ from: walStage, to: walDir }, ...moves],
  };
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
    publish: () => publish(plan, layout, kept),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

async function publish(
  { aside, owner, isGiven }: DataDirPlan,
  { roots, moves }: Layout,
  undo: AsyncDisposableStack,
): Promise<boolean> {
  let isOwned = true;
  for (const root of roots) {
    if (isGiven && owner !== undefined) isOwned &&= await giveTree(root, owner);
    await syncTree(root);
  }
  for (const { from, to } of aside) {
    await renameDirectory(from, to);
    undo.defer(() => renameDirectory(to, from));
  }
  for (const { from, to } of moves) {
    await renameDirectory(from, to).catch(unlessOccupied(to));
    undo.defer(() => removeTree(to));
    await syncDirectory(dirname(to));
  }
  undo.move();
  await removeEmptyDirectories(roots);
  return isOwned;
}

/** The place was free when the plan was made. */
function unlessOccupied(place: string): (error: HoldfastError) => never {
  return (error) => {
    const { code } = error.cause as NodeJS.ErrnoException;
    if (code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
    throw new HoldfastError(
      "data-dir-occupied",
      `cannot restore into "${place}": something was put there meanwhile`,
      {
        hint: "is another restore running? Look at what is there, or choose another place",
        cause: error,
      },
    );
  };
}
