import type { Readable } from "node:stream";
import { createPatience } from "../io/patience.ts";

export interface ChunkSettings {
  readonly signal: AbortSignal | undefined;
  /** How long the next chunk may take; left out, it may take any time. */
  readonly noProgressMs?: number | undefined;
  /** The error of a wait that took longer. */
  readonly late: () => Error;
  /** Asked when no more will come: the failure behind it (`error`: what the stream emitted), if it is one. */
  readonly explain: (error: Error | undefined) => Promise<Error | undefined>;
  /** Ends the call behind the stream. */
  readonly cancel: () => void;
}

/**
 * What a call streams, piece by piece. Only reading asks for more: a reader that pauses stops the server. Disposing
 * ends the call.
 */
export class ChunkStream implements Disposable {
  readonly #stream: Readable;
  readonly #settings: ChunkSettings;
  /** What came when nobody was reading; the stream is paused then. */
  readonly #held: Buffer[] = [];
  #reader: ((chunk: Buffer) => void) | undefined;
  #hasEnded = false;
  #error: Error | undefined;
  #end = (): void => {};

  constructor(stream: Readable, settings: ChunkSettings) {
    this.#stream = stream;
    this.#settings = settings;
    stream.on("data", (chunk: Buffer) => this.#arrived(chunk));
    stream.on("error", (error) => (this.#error ??= error));
    for (const event of ["end", "error", "close"])
      stream.on(event, () => {
        this.#hasEnded = true;
        this.#end();
      });
  }

  /** Pausing is put off until a chunk comes that nobody waits for: mostly the reader is back before that. */
  #arrived(chunk: Buffer): void {
    if (this.#reader !== undefined) return this.#reader(chunk);
    this.#held.push(chunk);
    this.#stream.pause();
  }

  /**
   * Hands chunks to `take` as they arrive, until it has enough and returns false; without a promise for each, as
   * there may be a hundred thousand a second. Resolves to false when there are no more. Rejects with what `take`
   * throws, "late" or the signal's reason; nothing can be read after that. One call at a time.
   */
  async read(take: (chunk: Buffer) => boolean): Promise<boolean> {
    for (let chunk = this.#held.shift(); chunk !== undefined; chunk = this.#held.shift())
      if (!take(chunk)) return true;
    const { signal: outer, noProgressMs, late, explain } = this.#settings;
    using patience = createPatience(noProgressMs ?? 0, outer, late);
    patience.signal.throwIfAborted();
    const wait = noProgressMs === undefined ? () => {} : () => patience.start();
    if (await this.#arrivals(take, wait, patience.signal)) return true;
    const failure = await explain(this.#error);
    if (failure !== undefined) throw failure;
    return false;
  }

  /** Whether `take` has enough; false at the end. */
  async #arrivals(
    take: (chunk: Buffer) => boolean,
    wait: () => void,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (this.#hasEnded) return false;
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    this.#end = () => resolve(false);
    signal.addEventListener("abort", () => reject(signal.reason as Error));
    this.#reader = (chunk) => {
      try {
        if (take(chunk)) return wait();
        this.#reader = undefined;
        resolve(true);
      } catch (error) {
        this.#reader = undefined;
        reject(error as Error);
      }
    };
    if (this.#stream.isPaused()) this.#stream.resume();
    wait();
    return promise.finally(() => (this.#reader = undefined));
  }

  /** The next chunk; `undefined` when there are no more. */
  async next(): Promise<Buffer | undefined> {
    let next: Buffer | undefined;
    await this.read((chunk) => {
      next = chunk;
      return false;
    });
    return next;
  }

  [Symbol.dispose](): void {
    this.#settings.cancel();
  }
}
