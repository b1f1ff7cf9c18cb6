/**
 * Objects as files behind rsync: a daemon's module, or a folder behind ssh. rsync reads and writes files only, so that
 * each object waits in a spool folder on its way. What is there already is skipped, which its answer shows.
 */
import { dirname, join } from "node:path";
import { abortable } from "../../io/abortable.ts";
import { now } from "../../io/clock.ts";
import { createFile } from "../../io/durable-file.ts";
import { ensureDirectory } from "../../io/published-file.ts";
import { createSpool, type Spool } from "../../io/spool.ts";
import { openStoredFile } from "../../io/stored-file.ts";
import { StoreFailure } from "../failure.ts";
import { isKey, requireKey, requirePrefix } from "../key.ts";
import { retry, type Attempt } from "../retry.ts";
import { isNothingThere, rsyncFailure } from "./failure.ts";
import { parseList, type Listed } from "./list.ts";
import { rsyncTarget, type RsyncTarget } from "./target.ts";
import type {
  Driver,
  DriverTools,
  GetOptions,
  ObjectInfo,
  PutOptions,
  StoreLocation,
  Waiting,
} from "../store.ts";

/** Bytes read from the spool at once. */
const PIECE = 512 << 10;
/** How often the spool's room is looked at. */
const ROOM_EVERY = 16 << 20;

interface Rsync extends DriverTools {
  readonly url: string;
  readonly target: RsyncTarget;
  readonly spool: Spool;
}

/** `rsync://user@host:port/module/path` and `rsync+ssh://user@host:port/absolute/path`. */
export const rsyncDriver: Driver = async (location, tools) => {
  const target = await rsyncTarget(location, tools.persistence);
  const spool = createSpool(spoolParent(location));
  const rsync: Rsync = { ...tools, url: location.url, target, spool };
  return {
    url: location.url,
    capabilities: async ({ signal }) => {
      signal.throwIfAborted();
      return { conditionalPut: false, objectLock: false, versioning: false };
    },
    put: (key, body, options) => putRsync(rsync, key, body, options),
    get: (key, options) => getRsync(rsync, key, options),
    stat: (key, options) => statRsync(rsync, key, options),
    list: (prefix, options) => listRsync(rsync, prefix, options),
    delete: (key, options) => deleteRsync(rsync, key, options),
    sweep: (graceMs, options) => sweepRsync(rsync, graceMs, options),
    [Symbol.asyncDispose]: () => spool[Symbol.asyncDispose](),
  };
};

function spoolParent({ parameters, env }: StoreLocation): string | undefined {
  return parameters.get("spoolDir") ?? (env["TMPDIR"] || undefined);
}

/** Does `work` with a folder of the spool, which is gone afterwards. */
async function inSpool<T>({ spool }: Rsync, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await spool.folder();
  try {
    return await work(folder);
  } finally {
    await spool.remove(folder);
  }
}

async function putRsync(
  rsync: Rsync,
  key: string,
  body: AsyncIterable<Uint8Array>,
  { signal, sizeHint = 0 }: PutOptions,
): Promise<ObjectInfo> {
  requireKey(key);
  signal.throwIfAborted();
  return inSpool(rsync, async (folder) => {
    const path = join(folder, key);
    await ensureDirectory(dirname(path));
    const size = await spoolBody(rsync, path, abortable(body, signal), sizeHint);
    await send(rsync, folder, key, signal);
    return { key, size, modifiedMs: undefined };
  });
}

async function spoolBody(
  { spool }: Rsync,
  path: string,
  body: AsyncIterable<Uint8Array>,
  sizeHint: number,
): Promise<number> {
  // a hint is not trusted: it may be far too large
  await spool.requireRoom(Math.min(sizeHint, ROOM_EVERY));
  await using file = await createFile(path);
  let size = 0;
  let checked = 0;
  for await (const bytes of body) {
    if (size + bytes.length - checked > ROOM_EVERY) {
      await spool.requireRoom(bytes.length);
      checked = size;
    }
    await file.write(bytes, size);
    size += bytes.length;
  }
  return size;
}

/** Repeated as a whole: the file waits. */
async function send(rsync: Rsync, folder: string, key: string, signal: AbortSignal): Promise<void> {
  const doing = `write "${key}"`;
  const source = `${folder}/./${key}`;
  const transfer = createTransfer(rsync);
  let attempts = 0;
  const isSent = await retrying(
    rsync,
    doing,
    signal,
    async (attempt) => {
      const how = ["--fsync", "--mkpath", "--ignore-existing", "--out-format=%i %n"];
      const given = await transfer([...how, "-R", source, rsync.target.at("")], attempt);
      if (given.status !== 0) throw rsyncFailure(doing, given);
      if (/^[<>]f\+{9} /m.test(given.stdout.replaceAll("\r", "\n"))) return true;
      // an attempt whose answer was lost may have put it there
      return ++attempts > 1 && (await isSame(rsync, source, doing, attempt));
    },
    () => void attempts++,
  );
  if (!isSent) throw new StoreFailure("object-exists", `cannot ${doing}: the name is taken`);
}

/** Whether the object there has the content of this file. */
async function isSame(
  rsync: Rsync,
  source: string,
  doing: string,
  attempt: Attempt,
): Promise<boolean> {
  const how = ["--dry-run", "--checksum", "--out-format=%i %n", "-R"];
  const { signal } = attempt;
  const found = await rsync.target.run([...how, source, rsync.target.at("")], { signal });
  if (found.status !== 0) throw rsyncFailure(doing, found);
  return !/^[<>]f/m.test(found.stdout);
}

/** Runs rsync for one file, attempt after attempt. */
type Transfer = (args: readonly string[], attempt: Attempt) => ReturnType<RsyncTarget["run"]>;

/** Every attempt begins anew: only what gets further than all before it is progress, or it would go on for ever. */
function createTransfer({ target }: Rsync): Transfer {
  let furthest = 0;
  return (args, attempt) => {
    const heard = (text: string): void => {
      const bytes = [...text.matchAll(/(\d+) +\d+%/g)].map(([, count]) => Number(count));
      const far = Math.max(0, ...bytes);
      if (far > furthest) attempt.moved();
      else attempt.moves();
      furthest = Math.max(furthest, far);
    };
    return target.run(["--info=progress2", ...args], { signal: attempt.signal, heard });
  };
}

function retrying<T>(
  { url, log, persistence }: Rsync,
  doing: string,
  signal: AbortSignal,
  work: (attempt: Attempt) => Promise<T>,
  failed: () => void = () => {},
): Promise<T> {
  // rsync itself notices a connection on which nothing moves; a server's disk may take longer
  const patient = { ...persistence, stallMs: persistence.noProgressMs };
  return retry({ what: `${doing} in ${url}`, signal, persistence: patient, log }, (attempt) =>
    work(attempt).catch((error: unknown) => {
      failed();
      throw error;
    }),
  );
}

async function* getRsync(
  rsync: Rsync,
  key: string,
  { offset = 0, length = Infinity, signal }: GetOptions,
): AsyncIterable<Uint8Array> {
  requireKey(key);
  const doing = `read "${key}"`;
  const found = await statRsync(rsync, key, { signal });
  if (found === undefined) throw missing(doing);
  await rsync.spool.requireRoom(found.size);
  const folder = await rsync.spool.folder();
  try {
    await fetch(rsync, key, join(folder, "object"), doing, signal);
    await using file = await openStoredFile(join(folder, "object"));
    if (file === undefined) throw missing(doing);
    const end = Math.min(file.size, offset + length);
    for (let at = offset; at < end; at += PIECE) {
      signal.throwIfAborted();
      yield await file.read(at, Math.min(PIECE, end - at));
    }
    signal.throwIfAborted();
  } finally {
    await rsync.spool.remove(folder);
  }
}

async function fetch(
  rsync: Rsync,
  key: string,
  path: string,
  doing: string,
  signal: AbortSignal,
): Promise<void> {
  const transfer = createTransfer(rsync);
  await retrying(rsync, doing, signal, async (attempt) => {
    const given = await transfer([rsync.target.at(key), path], attempt);
    if (isNothingThere(given)) throw missing(doing);
    if (given.status !== 0) throw rsyncFailure(doing, given);
  });
}

function missing(doing: string): StoreFailure {
  return new StoreFailure("object-missing", `cannot ${doing}: there is none`);
}

async function statRsync(
  rsync: Rsync,
  key: string,
  { signal }: Waiting,
): Promise<ObjectInfo | undefined> {
  requireKey(key);
  const [found] = await listOnly(rsync, [], key, `look at "${key}"`, signal);
  if (found?.isFile !== true) return undefined;
  return { key, size: found.size, modifiedMs: found.modifiedMs };
}

/** Entries of a path below the root; none when it is missing. */
async function listOnly(
  { target }: Rsync,
  how: readonly string[],
  path: string,
  doing: string,
  signal: AbortSignal,
): Promise<Listed[]> {
  const args = ["--list-only", ...how, target.at(path)];
  const given = await target.run(args, { signal });
  if (isNothingThere(given)) return [];
  // 24: something went away while it was listed
  if (given.status !== 0 && given.status !== 24) throw rsyncFailure(doing, given);
  return parseList(given.stdout);
}

async function* listRsync(
  rsync: Rsync,
  prefix: string,
  { signal }: Waiting,
): AsyncIterable<ObjectInfo> {
  requirePrefix(prefix);
  const above = prefix.slice(0, prefix.lastIndexOf("/") + 1);
  const found = await listOnly(rsync, ["-r"], above, `list "${prefix}"`, signal);
  const objects = found
    .filter(({ isFile }) => isFile)
    .map(({ path, size, modifiedMs }) => ({ key: above + path, size, modifiedMs }))
    .filter(({ key }) => isKey(key) && key.startsWith(prefix))
    .toSorted((a, b) => (a.key < b.key ? -1 : 1));
  for (const object of objects) {
    yield object;
    signal.throwIfAborted();
  }
}

async function deleteRsync(rsync: Rsync, key: string, waiting: Waiting): Promise<void> {
  if ((await statRsync(rsync, key, waiting)) === undefined) return;
  await removeFile(rsync, key, `delete "${key}"`, waiting.signal);
}

/** rsync removes what is not in an empty folder, if that is told to be all there is. */
async function removeFile(
  rsync: Rsync,
  path: string,
  doing: string,
  signal: AbortSignal,
): Promise<void> {
  const at = path.lastIndexOf("/") + 1;
  const only = [`--include=/${path.slice(at)}`, "--exclude=*"];
  await inSpool(rsync, async (empty) => {
    const args = ["-r", "--delete", ...only, `${empty}/`, rsync.target.at(path.slice(0, at))];
    const given = await rsync.target.run(args, { signal });
    if (given.status !== 0) throw rsyncFailure(doing, given);
  });
}

/** What rsync itself leaves when it is killed: a dot, the name, a dot, six characters. */
const TEMPORARY = /(^|\/)\.[^/]+\.[A-Za-z0-9]{6}$/;

async function sweepRsync(rsync: Rsync, graceMs: number, { signal }: Waiting): Promise<number> {
  const found = await listOnly(rsync, ["-r"], "", "sweep", signal);
  const isOld = ({ modifiedMs }: Listed): boolean => now().getTime() - modifiedMs >= graceMs;
  const old = found.filter((one) => one.isFile && TEMPORARY.test(one.path) && isOld(one));
  for (const { path } of old) await removeFile(rsync, path, "sweep", signal);
  return old.length + (await rsync.spool.sweep(graceMs));
}
