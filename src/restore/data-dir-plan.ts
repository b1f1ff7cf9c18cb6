/** Where a restored data dir goes, and what becomes of what is there: looked at before anything is written. */
import { basename, dirname, join, relative, sep } from "node:path";
import { HoldfastError } from "../errors.ts";
import {
  canonicalPath,
  canRename,
  exists,
  isMountPoint,
  listDirectory,
  ownershipOf,
  requireSpace,
  type Ownership,
} from "../io/directory.ts";
import { randomName } from "../io/random.ts";
import { systemWords } from "../io/system-error.ts";

export interface Move {
  readonly from: string;
  readonly to: string;
}

/** Where everything will be. Paths are absolute and free of links. */
export interface DataDirPlan {
  readonly dataDir: string;
  readonly walDir: string;
  /**
   * Whether the data dir is there already and stays the folder that it is, with its owner and mode: then `member` is
   * renamed into it.
   */
  readonly isPresent: boolean;
  /** The folder in which the data dir is built: its parent, or itself where a rename could not reach it from there. */
  readonly stageIn: string;
  /** Whose the data dir is that is there now. */
  readonly owner: Ownership | undefined;
  /** What is there now and gets another name, just before the new one gets its own; only where that was asked for. */
  readonly aside: readonly Move[];
  /** Whether the new one is given to the owner of what is there. */
  readonly isGiven: boolean;
  /**
   * Folders where a restore of this data dir was at work and did not come to its end: killed, or still running. Each holds a
   * database in the clear.
   */
  readonly leftovers: readonly string[];
}

export interface DataDirRequest {
  readonly dataDir: string;
  /** undefined: inside the data dir, where etcd looks for it. */
  readonly walDir?: string | undefined;
  readonly bytes?: number | undefined;
  /** What is added to the names of what is there, so that it is kept aside: `before-TIME`. */
  readonly keepAside?: string | undefined;
}

/**
 * Refuses a data dir with anything in it (`lost+found` in a mount point apart) and a WAL dir that exists, as etcdutl does;
 * with `keepAside` only what does not look like etcd's. `bytes`, where known, have to fit.
 */
export async function planDataDir(request: DataDirRequest): Promise<DataDirPlan> {
  const { keepAside } = request;
  const names = await namesIn(request.dataDir, keepAside);
  const dataDir = await canonicalPath(request.dataDir);
  const walDir = await canonicalPath(request.walDir ?? join(dataDir, "member", "wal"));
  refuseOverlap(dataDir, walDir);
  const isReachable = names === undefined || (await canRename(dirname(dataDir), dataDir));
  const isOccupied = names?.includes("member") === true;
  const moves = isOccupied ? await asideOf(dataDir, walDir, isReachable, keepAside!) : [];
  const walMove = request.walDir === undefined ? [] : await walAside(walDir, moves, request);
  const stageIn = isReachable ? dirname(dataDir) : dataDir;
  if (request.bytes !== undefined) await requireSpace(await nearest(stageIn), request.bytes);
  return {
    dataDir,
    walDir,
    isPresent: names !== undefined && !(isOccupied && isReachable),
    stageIn,
    owner: names === undefined ? undefined : await ownerOf(dataDir, isOccupied),
    aside: [...walMove, ...moves],
    isGiven: keepAside !== undefined,
    leftovers: [
      ...(await leftoversOf(dataDir, stageIn)),
      ...(contains(dataDir, walDir) ? [] : await leftoversOf(walDir, dirname(walDir))),
    ],
  };
}

/** A name for what is being built: beside the real one, hidden, and telling whose it is should a kill leave it there. */
export function hiddenName(path: string): string {
  return `${hiddenPrefix(path)}${randomName()}`;
}

function hiddenPrefix(path: string): string {
  return `.${basename(path).slice(0, 48)}.holdfast-`;
}

/** Of the folder; none where it cannot be listed, which is no reason not to restore. */
async function leftoversOf(path: string, folder: string): Promise<string[]> {
  const names = (await listDirectory(folder).catch(() => undefined)) ?? [];
  return names
    .filter((name) => name.startsWith(hiddenPrefix(path)))
    .map((name) => join(folder, name));
}

const LOST_FOUND = "lost+found";

/** Left in a mount point by its file system, or by an earlier restore. */
const LEFT_THERE = /^(lost\+found|member\.before-.*)$/;

/** The names in an existing data dir; undefined when there is no data dir yet. */
async function namesIn(
  dataDir: string,
  keepAside: string | undefined,
): Promise<string[] | undefined> {
  const occupied = (hint: string, cause?: unknown) =>
    new HoldfastError("data-dir-occupied", `data-dir "${dataDir}" not empty or could not be read`, {
      hint,
      cause,
    });
  try {
    const all = await listDirectory(dataDir);
    if (all === undefined && (await exists(dataDir))) throw new Error("a link to nothing");
    const names = all?.filter((name) => !name.startsWith(hiddenPrefix(dataDir)));
    if (names === undefined || names.length === 0) return names;
    if (keepAside !== undefined && names.includes("member")) return names;
    if (keepAside !== undefined && names.every(isLeftThere)) return names;
    if (isLostFound(names) && (await isMountPoint(dataDir))) return names;
    const [first] = [...names.filter((name) => name !== LOST_FOUND), LOST_FOUND];
    throw occupied(`it holds "${first}": choose another --data-dir, or move the old one away`);
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    throw occupied(`${systemWords(error)}: choose another --data-dir`, error);
  }
}

const isLostFound = (names: readonly string[]): boolean =>
  names.length === 1 && names[0] === LOST_FOUND;
const isLeftThere = (name: string): boolean => LEFT_THERE.test(name);

/** The whole data dir, where it can be renamed; in a mount point what etcd has in it. */
async function asideOf(
  dataDir: string,
  walDir: string,
  isReachable: boolean,
  suffix: string,
): Promise<readonly Move[]> {
  if (isReachable) return [moveAside(dataDir, suffix)];
  const member = join(dataDir, "member");
  const walTop = join(dataDir, relative(dataDir, walDir).split(sep)[0]!);
  const isApart = contains(dataDir, walDir) && walTop !== member && (await exists(walTop));
  return [moveAside(member, suffix), ...(isApart ? [moveAside(walTop, suffix)] : [])];
}

/** A WAL dir of its own that is there already. */
async function walAside(
  walDir: string,
  moves: readonly Move[],
  { walDir: asked, keepAside }: DataDirRequest,
): Promise<readonly Move[]> {
  if (!(await exists(walDir)) || moves.some(({ from }) => contains(from, walDir))) return [];
  if (keepAside !== undefined && !(await isMountPoint(walDir)))
    return [moveAside(walDir, keepAside)];
  throw new HoldfastError("data-dir-occupied", `wal-dir "${asked}" exists`, {
    hint: "choose another --wal-dir, or move the old one away",
  });
}

function moveAside(path: string, suffix: string): Move {
  return { from: path, to: `${path}.${suffix}` };
}

/** The mode of the data dir; owner and group of what etcd made in it. */
async function ownerOf(dataDir: string, isOccupied: boolean): Promise<Ownership> {
  const { mode } = await ownershipOf(dataDir);
  return { ...(await ownershipOf(isOccupied ? join(dataDir, "member") : dataDir)), mode };
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
export function contains(outer: string, inner: string): boolean {
  const path = relative(outer, inner);
  return path === "" || (path !== ".." && !path.startsWith(`..${sep}`) && !path.startsWith(sep));
}

/** The path, or what is nearest above it and exists. */
async function nearest(path: string): Promise<string> {
  return (await exists(path)) ? path : nearest(dirname(path));
}
