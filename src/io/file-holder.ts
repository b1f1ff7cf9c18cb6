import { readdir, readFile, stat } from "node:fs/promises";

/** Who has a file open: the first process found, nobody, or unknown where that cannot be seen. */
export type FileHolder =
  | { readonly state: "held"; readonly pid: number; readonly command: string }
  | { readonly state: "free" }
  | { readonly state: "unknown" };

/**
 * Looks for a process that holds the file, without touching any lock itself: first who has locked it (a running etcd
 * always has), then who has it open. Linux only; other users' processes and other containers may be out of sight.
 */
export async function fileHolder(path: string): Promise<FileHolder> {
  try {
    const found = await stat(path, { bigint: true });
    // a device is open in every other process, and no server's database
    if (!found.isFile()) return { state: "unknown" };
    const { dev, ino } = found;
    const locker = await findLocker(dev, ino);
    return locker === undefined ? await findOpener(dev, ino) : await describe(locker);
  } catch {
    return { state: "unknown" };
  }
}

/** `1: FLOCK  ADVISORY  WRITE 4711 fe:00:131 0 EOF`: process, then major:minor (hexadecimal) and inode of the file. */
async function findLocker(dev: bigint, ino: bigint): Promise<number | undefined> {
  const wanted = `${hex(majorOf(dev))}:${hex(minorOf(dev))}:${ino}`;
  for (const line of (await readFile("/proc/locks", "utf8")).split("\n")) {
    const words = line.trim().split(/\s+/);
    if (words[5] === wanted && Number(words[4]) > 0) return Number(words[4]);
  }
  return undefined;
}

/** Linux packs a device number as 12 bits major between two parts of the minor. */
function majorOf(dev: bigint): bigint {
  return ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n);
}

function minorOf(dev: bigint): bigint {
  return (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n);
}

function hex(value: bigint): string {
  return value.toString(16).padStart(2, "0");
}

async function findOpener(dev: bigint, ino: bigint): Promise<FileHolder> {
  let isAllSeen = true;
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    try {
      for (const descriptor of await readdir(`/proc/${name}/fd`)) {
        const open = await stat(`/proc/${name}/fd/${descriptor}`, { bigint: true }).catch(() => {});
        if (open?.dev === dev && open.ino === ino) return await describe(Number(name));
      }
    } catch (cause) {
      // A process that has ended meanwhile holds nothing; one that we may not look into might.
      if ((cause as NodeJS.ErrnoException).code === "EACCES") isAllSeen = false;
    }
  }
  return { state: isAllSeen ? "free" : "unknown" };
}

async function describe(pid: number): Promise<FileHolder> {
  const command = await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "");
  return { state: "held", pid, command: command.trim() };
}
