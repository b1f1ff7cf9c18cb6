import { ReadableStream } from "node:stream/web";
import type { WebStream } from "openpgp";
import { createPatience, unlessAborted } from "../io/patience.ts";
import { HoldfastError } from "../errors.ts";

/** On some damaged messages openpgp.js waits for ever, with nothing left to wait for. */
const STALL_MS = 30_000;

/** A stream that goes through openpgp.js, and what happens to it on both sides. */
export interface Exchange extends Disposable {
  /** The input, as openpgp.js reads it. */
  readonly stream: WebStream<Uint8Array>;
  /**
   * What openpgp.js makes. Throws what the input threw, as it was; the signal's reason; what openpgp.js threw, explained;
   * "sealed-damaged" when it neither asks for input nor comes to a result for half a minute.
   */
  step<T>(work: Promise<T>): Promise<T>;
  /** Everything that comes out, step by step. */
  drain(output: WebStream<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined>;
}

/** The input's pieces are copied, since openpgp.js keeps them. */
export function createExchange(
  input: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  explain: (error: Error) => Error,
): Exchange {
  const iterator = input[Symbol.asyncIterator]();
  const patience = createPatience(STALL_MS, signal, stalled);
  let failure: { readonly cause: unknown } | undefined;
  let [weWait, itWaits] = [false, false];
  const watch = (): void => (weWait && !itWaits ? patience.start() : patience.stop());

  async function nextPiece(): Promise<IteratorResult<Uint8Array>> {
    itWaits = true;
    watch();
    try {
      return await iterator.next();
    } catch (cause) {
      failure = { cause };
      throw cause;
    } finally {
      itWaits = false;
      watch();
    }
  }

  async function step<T>(work: Promise<T>): Promise<T> {
    work.catch(() => {}); // an abort may leave nobody waiting
    weWait = true;
    watch();
    try {
      return await unlessAborted(work, patience.signal);
    } catch (error) {
      if (failure !== undefined) throw failure.cause;
      throw patience.signal.aborted ? error : explain(error as Error);
    } finally {
      weWait = false;
      watch();
    }
  }

  async function* drain(
    output: WebStream<Uint8Array>,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const reader: AsyncIterator<Uint8Array> = output[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await step(reader.next());
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      void reader.return?.().catch(() => {});
    }
  }

  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = await nextPiece();
        if (next.done === true) controller.close();
        else controller.enqueue(next.value.slice());
      },
      cancel: async () => void (await iterator.return?.()),
    },
    { highWaterMark: 0 },
  ) as WebStream<Uint8Array>;
  return { stream, step, drain, [Symbol.dispose]: () => patience[Symbol.dispose]() };
}

function stalled(): HoldfastError {
  const what = "nothing comes out of it any more";
  return new HoldfastError("sealed-damaged", `the OpenPGP message is damaged: ${what}`);
}
