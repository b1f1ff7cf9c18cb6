/**
 * What a verb gets from the frame: everything of the outside world that it may touch. A verb file exports one
 * factory, `snapshotSaveCommand(context: Context): Command`; its action uses the context it was given.
 *
 * A verb returns when its work is done and throws when it is not: a HoldfastError carries its own exit status,
 * anything else is status 1. It never ends the process and never writes an error itself.
 */
import type { Readable, Writable } from "node:stream";
import type { Log } from "../io/log.ts";

export interface Context {
  /**
   * Aborted by SIGINT, SIGTERM and SIGHUP (and when standard output's reader goes away), with an Interruption as
   * its reason. A verb passes it on, cleans up, and lets the reason be thrown: the frame then exits with
   * 128 + the signal's number. A second signal ends the process at once.
   */
  readonly signal: AbortSignal;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Events, on standard error: text, or one JSON line each with `--log-format json`. */
  readonly log: Log;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  /** Results, and nothing else. */
  readonly stdout: Writable & { readonly isTTY?: boolean };
  /** Prompts. Events go to the log, errors are thrown. */
  readonly stderr: Writable & { readonly isTTY?: boolean };
  /**
   * Starts a progress bar (bytes, rate, time left) on the terminal of standard error; silent in a pipe or with
   * `--log-format json`. `totalBytes` may be unknown. Dispose of it (`using`) before printing the result.
   */
  readonly progress: (label: string, totalBytes?: number) => Progress;
}

export interface Progress extends Disposable {
  /** Bytes done since the start: an absolute number, not a difference. Cheap to call for every piece. */
  update(bytes: number): void;
}

/** Why the signal was aborted: a signal of the operating system. */
export class Interruption extends Error {
  readonly signal: string;
  readonly exitStatus: number;

  /** @param signal its name @param number its number, which makes the exit status 128 + number */
  constructor(signal: string, number: number) {
    super(`interrupted by ${signal}`);
    this.name = "Interruption";
    this.signal = signal;
    this.exitStatus = 128 + number;
  }
}
