/** What `rsync --list-only` prints: kind and mode, bytes, day, time, name. */
export interface Listed {
  /** Relative to what was listed. */
  readonly path: string;
  readonly isFile: boolean;
  readonly size: number;
  readonly modifiedMs: number;
}

const LINE = /^([a-z-])\S{9,10} +(\d+) (\d{4})\/(\d\d)\/(\d\d) (\d\d:\d\d:\d\d) (.+)$/;

/** Lines that are no entries are passed over. Times are read as UTC. */
export function parseList(text: string): Listed[] {
  return text.split("\n").flatMap((line) => {
    const found = LINE.exec(line);
    if (found === null) return [];
    const [, kind, size, year, month, day, time, path = ""] = found;
    const modifiedMs = Date.parse(`${year}-${month}-${day}T${time}Z`);
    return [{ path, isFile: kind === "-", size: Number(size), modifiedMs }];
  });
}
