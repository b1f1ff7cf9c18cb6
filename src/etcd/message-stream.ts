import type { ClientReadableStream, ServiceError } from "@grpc/grpc-js";
import { createPatience } from "../io/patience.ts";

export interface StreamSettings {
  readonly signal: AbortSignal | undefined;
  /** How long the next message may take; left out, it may take any time. */
  readonly noProgressMs?: number | undefined;
  /** The error of a wait that took longer. */
  readonly late: () => Error;
  /** The gRPC library's error as one of ours. */
  readonly explain: (error: ServiceError) => Promise<Error>;
}

/**
 * The messages of a streaming call, as they came over the wire. Only reading asks for more: a reader that pauses
 * stops the server. Disposing ends the call.
 */
export class MessageStream implements Disposable {
  readonly #call: ClientReadableStream<Buffer>;
  readonly #settings: StreamSettings;
  #hasEnded = false;
  #error: ServiceError | undefined;
  #take: (message: Buffer) => void = () => {};
  #end = (): void => {};

  constructor(call: ClientReadableStream<Buffer>, settings: StreamSettings) {
    this.#call = call;
    this.#settings = settings;
    call.pause();
    call.on("data", (message: Buffer) => this.#take(message));
    call.on("end", () => {
      this.#hasEnded = true;
      this.#end();
    });
    call.on("error", (error: ServiceError) => {
      this.#error ??= error;
      this.#end();
    });
  }

  /**
   * Hands messages to `take` as they arrive, until it has enough and returns false; without a promise for each, as
   * there may be tens of thousands a second. Resolves to false when there are no more. Rejects with what `take`
   * throws, "late" or the signal's reason; nothing can be read after that. One call at a time.
   */
  async read(take: (message: Buffer) => boolean): Promise<boolean> {
    const { signal: outer, noProgressMs, late, explain } = this.#settings;
    using patience = createPatience(noProgressMs ?? 0, outer, late);
    const { signal } = patience;
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const wait = (): void => (noProgressMs === undefined ? undefined : patience.start());
    this.#take = (message) => {
      try {
        if (take(message)) return wait();
        this.#call.pause();
        resolve(true);
      } catch (error) {
        reject(error as Error);
      }
    };
    this.#end = () => resolve(false);
    signal.addEventListener("abort", () => reject(signal.reason as Error));
    if (this.#hasEnded || this.#error !== undefined) this.#end();
    else this.#call.resume();
    wait();
    try {
      if (await promise) return true;
    } finally {
      this.#call.pause();
    }
    if (this.#error !== undefined) throw await explain(this.#error);
    return false;
  }

  /** The next message; `undefined` when there are no more. */
  async next(): Promise<Buffer | undefined> {
    let next: Buffer | undefined;
    await this.read((message) => {
      next = message;
      return false;
    });
    return next;
  }

  [Symbol.dispose](): void {
    this.#call.cancel();
  }
}
