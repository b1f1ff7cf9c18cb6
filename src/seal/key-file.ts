import { HoldfastError, type ErrorCode } from "../errors.ts";

/** The content of a file that holds keys. Errors name the file and a line at most, never what is in it. */
export interface KeyFile {
  /** As messages call it: its path. */
  readonly name: string;
  readonly content: Uint8Array;
}

/**
 * Gives the passphrase of `what` ("the key id_ed25519"), from the environment or from a person; throws where there is
 * neither. It is called only when the passphrase is really needed.
 */
export type AskPassphrase = (what: string) => Promise<string>;

/** Around what an AskPassphrase threw, on its way through code that would take it for its own failure. */
export class Unanswered extends Error {
  constructor(cause: unknown) {
    super("no passphrase was given", { cause });
  }
}

export function unusableKey(
  code: ErrorCode,
  file: KeyFile,
  what: string,
  options: { hint?: string } = {},
): HoldfastError {
  return new HoldfastError(code, `cannot use "${file.name}": ${what}`, options);
}

/** The text of a file, byte by byte: keys are ASCII. */
export function textOf(file: KeyFile): string {
  return Buffer.from(file.content).toString("latin1");
}

/** Lines that are neither blank nor comments, with their numbers from 1. */
export function keyLines(file: KeyFile): { readonly line: string; readonly number: number }[] {
  return textOf(file)
    .split("\n")
    .map((line, index) => ({ line: line.trim(), number: index + 1 }))
    .filter(({ line }) => line !== "" && !line.startsWith("#"));
}
