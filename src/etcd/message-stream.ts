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
  #next: Buffer | null = null;
  #ended = false;
  #error: ServiceError | undefined;
  #wake = (): void => {};

  constructor(call: ClientReadableStream<Buffer>, settings: StreamSettings) {
    this.#call = call;
    this.#settings = settings;
    call.on("readable", () => this.#wake());
    call.on("end", () => {
      this.#ended = true;
      this.#wake();
    });
    call.on("error", (error: ServiceError) => {
      this.#error ??= error;
      this.#wake();
    });
  }

  /** The next message, if it has arrived. */
  poll(): Buffer | undefined {
    const message = this.#next ?? (this.#call.read() as Buffer | null);
    this.#next = null;
    return message ?? undefined;
  }

  /** Waits until there is something to poll; false at the end of a call that succeeded. */
  async wait(): Promise<boolean> {
    const { signal: outer, noProgressMs, late, explain } = this.#settings;
    using patience = createPatience(noProgressMs ?? 0, outer, late);
    const { signal } = patience;
    if (noProgressMs !== undefined) patience.start();
    const giveUp = (): void => this.#wake();
    signal.addEventListener("abort", giveUp);
    try {
      for (;;) {
        signal.throwIfAborted();
        this.#next ??= this.#call.read() as Buffer | null;
        if (this.#next !== null) return true;
        if (this.#error !== undefined) throw await explain(this.#error);
        if (this.#ended) return false;
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }

  [Symbol.dispose](): void {
    this.#call.cancel();
  }
}
