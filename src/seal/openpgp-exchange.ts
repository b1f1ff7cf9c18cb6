import { ReadableStream, type ReadableStreamController } from "node:stream/web";
import type { WebStream } from "openpgp";
import { createPatience, unlessAborted, type Patience } from "../io/patience.ts";
import { HoldfastError } from "../errors.ts";

/** On some damaged messages openpgp.js waits for ever, with nothing left to wait for. */
const STALL_MS = 30_000;

/** A stream that goes through openpgp.js: what it is given, what it makes, and who waits for whom. */
export class Exchange implements Disposable {
  /** The input, as openpgp.js reads it. The pieces are copies, since it keeps them. */
  readonly stream: WebStream<Uint8Array>;
  readonly #input: AsyncIterator<Uint8Array>;
  readonly #patience: Patience;
  readonly #explain: (error: Error) => Error;
  #failure: { readonly cause: unknown } | undefined;
  #weWait = false;
  #itWaits = false;

  /** @param explain what to throw instead of an error of openpgp.js */
  constructor(
    input: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
    explain: (error: Error) => Error,
  ) {
    this.#input = input[Symbol.asyncIterator]();
    this.#patience = createPatience(STALL_MS, signal, stalled);
    this.#explain = explain;
    this.stream = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => this.#feed(controller),
        cancel: async () => void (await this.#input.return?.()),
      },
      { highWaterMark: 0 },
    ) as WebStream<Uint8Array>;
  }

  /**
   * What openpgp.js makes of `work`. Throws what the input threw, as it was; the signal's reason; what openpgp.js threw,
   * explained; "sealed-damaged" when it neither asks for input nor comes to a result for half a minute.
   */
  async step<T>(work: Promise<T>): Promise<T> {
    work.catch(() => {}); // an abort may leave nobody waiting
    this.#weWait = true;
    this.#watch();
    try {
      return await unlessAborted(work, this.#patience.signal);
    } catch (error) {
      if (this.#failure !== undefined) throw this.#failure.cause;
      throw this.#patience.signal.aborted ? error : this.#explain(error as Error);
    } finally {
      this.#weWait = false;
      this.#watch();
    }
  }

  /** Everything that comes out, step by step. */
  async *drain(output: WebStream<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    const reader: AsyncIterator<Uint8Array> = output[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await this.step(reader.next());
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      void reader.return?.().catch(() => {});
    }
  }

  async #feed(controller: ReadableStreamController<Uint8Array>): Promise<void> {
    this.#itWaits = true;
    this.#watch();
    try {
      const next = await this.#input.next();
      if (next.done === true) controller.close();
      else controller.enqueue(next.value.slice());
    } catch (cause) {
      this.#failure = { cause };
      throw cause;
    } finally {
      this.#itWaits = false;
      this.#watch();
    }
  }

  /** Patience runs out only while it is openpgp.js's turn. */
  #watch(): void {
    if (this.#weWait && !this.#itWaits) this.#patience.start();
    else this.#patience.stop();
  }

  [Symbol.dispose](): void {
    this.#patience[Symbol.dispose]();
  }
}

function stalled(): HoldfastError {
  const what = "nothing comes out of it any more";
  return new HoldfastError("sealed-damaged", `the OpenPGP message is damaged: ${what}`);
}
