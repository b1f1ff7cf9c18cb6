/** What the operating system answers when a file or folder cannot be made or changed, as sentences. */
import { getSystemErrorMessage } from "node:util";
import { HoldfastError } from "../errors.ts";

/** What its disk, its quota or the limit of this process has no room for. */
const FULL = "free some space there, or choose another place, and run it again";

const HINTS: Readonly<Record<string, string>> = {
  ENOSPC: FULL,
  EDQUOT: FULL,
  EFBIG: FULL,
  ENOENT: "make the folder first, or check the path",
  ENOTDIR: "a file is where a folder has to be: check the path",
  EACCES: "choose a place that this user may write to, or run it as another user",
  EPERM: "choose a place that this user may write to, or run it as another user",
  EROFS: "choose another place: this one is mounted read-only",
  ENAMETOOLONG: "choose a shorter name",
  ENOTEMPTY: "somebody else put something there meanwhile: look at it, and choose another place",
  EEXIST: "somebody else put something there meanwhile: look at it, and choose another place",
};

/** The system's own words. Node's message says call and path again, and often that of a temporary file. */
export function systemWords(error: unknown): string {
  const { errno, message } = error as NodeJS.ErrnoException;
  return errno === undefined ? message : getSystemErrorMessage(errno);
}

/** `what` as in `cannot write "FILE"`; a full disk has its own code. */
export function writeFailure(what: string, cause: unknown): HoldfastError {
  const hint = HINTS[(cause as NodeJS.ErrnoException).code ?? ""];
  return new HoldfastError(
    hint === FULL ? "no-space" : "failed",
    `${what}: ${systemWords(cause)}`,
    {
      ...(hint !== undefined && { hint }),
      cause,
    },
  );
}
