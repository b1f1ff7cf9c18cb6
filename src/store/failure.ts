/** How a store fails: a code of the table, and whether trying again makes sense. */
import { HoldfastError, type ErrorCode } from "../errors.ts";

interface StoreFailureOptions {
  readonly hint?: string;
  readonly cause?: unknown;
  /** The same call may well succeed a little later: connection lost, 500, 503, throttled. */
  readonly transient?: boolean;
  /** How long the store asks to be left alone, where it says so. */
  readonly retryAfterMs?: number;
}

/** A HoldfastError of a store. */
export class StoreFailure extends HoldfastError {
  readonly isTransient: boolean;
  readonly retryAfterMs: number | undefined;

  /** @param message as of every HoldfastError; names the store's own code or sentence, never a secret */
  constructor(code: ErrorCode, message: string, options: StoreFailureOptions = {}) {
    super(code, message, options);
    this.isTransient = options.transient ?? false;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Whether the call that threw this is worth trying again. */
export function isTransient(error: unknown): boolean {
  return error instanceof StoreFailure && error.isTransient;
}
