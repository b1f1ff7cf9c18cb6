/** What the system's error numbers mean for a store on a file system. */
import { getSystemErrorMessage } from "node:util";
import type { ErrorCode } from "../../errors.ts";
import { StoreFailure } from "../failure.ts";

interface Explanation {
  readonly code: ErrorCode;
  readonly hint?: string;
  readonly transient?: boolean;
}

const FULL: Explanation = {
  code: "store-full",
  hint: "free some space there, or raise the quota, and run it again",
};
const REFUSED: Explanation = {
  code: "store-refused",
  hint: "give this user the right to read, write and list in the folder",
};
const AWAY: Explanation = {
  code: "store-unreachable",
  hint: "see whether it is still mounted and its server or disk is well",
};
const CLASH: Explanation = {
  code: "object-key",
  hint: "a file lies where a folder has to be, or the reverse: look at what is there",
};

const EXPLANATIONS: Readonly<Record<string, Explanation>> = {
  ENOSPC: FULL,
  EDQUOT: FULL,
  EFBIG: FULL,
  EROFS: { code: "store-read-only", hint: "mount it for writing, or choose another store" },
  EACCES: REFUSED,
  EPERM: REFUSED,
  EEXIST: { code: "object-exists" },
  EIO: AWAY,
  ENODEV: AWAY,
  ENXIO: AWAY,
  ENOTCONN: AWAY,
  EHOSTDOWN: AWAY,
  ETIMEDOUT: { ...AWAY, transient: true },
  ESTALE: { ...AWAY, transient: true },
  EMFILE: { code: "store-unreachable", transient: true },
  ENFILE: { code: "store-unreachable", transient: true },
  ENOTDIR: CLASH,
  EISDIR: CLASH,
  ELOOP: {
    code: "store-misconfigured",
    hint: "a link in the path leads back to itself: correct it",
  },
  ENAMETOOLONG: { code: "object-key", hint: "this file system takes only shorter names" },
  ENOENT: {
    code: "store-not-there",
    hint: "the folder went away in between: see whether it is still mounted",
  },
  EXDEV: {
    code: "store-misconfigured",
    hint: "the folders of one store have to be on one file system: mount nothing inside",
  },
};

/** `what` and the system's own words; codes of the table for what is known. */
export function explainFileError(what: string, error: unknown): unknown {
  if (error instanceof StoreFailure) return error;
  const system = systemError(error);
  const known = EXPLANATIONS[system?.code ?? ""];
  if (system === undefined || known === undefined) return error;
  const words = system.errno === undefined ? system.message : getSystemErrorMessage(system.errno);
  return new StoreFailure(known.code, `${what}: ${words}`, {
    ...(known.hint !== undefined && { hint: known.hint }),
    transient: known.transient ?? false,
    cause: error,
  });
}

/** Whether it says that a file or a folder is not there. */
export function isMissing(error: unknown): boolean {
  return systemError(error)?.code === "ENOENT";
}

/** The system's error itself, or what our own was made of. */
function systemError(error: unknown): NodeJS.ErrnoException | undefined {
  if (!(error instanceof Error)) return undefined;
  return "syscall" in error ||
    "errno" in error ||
    /^E[A-Z]+$/.test(String(Reflect.get(error, "code")))
    ? error
    : systemError(error.cause);
}
