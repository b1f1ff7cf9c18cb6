import { unlessAborted } from "./patience.ts";

/**
 * The same pieces, until `signal` is aborted: then its reason is thrown at once, also while a piece is awaited that
 * never comes. The source is told to end then, and not waited for.
 */
export async function* abortable<T>(
  pieces: AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T> {
  signal.throwIfAborted();
  const iterator = pieces[Symbol.asyncIterator]();
  let ended = false;
  try {
    for (;;) {
      signal.throwIfAborted();
      const next = await unlessAborted(iterator.next(), signal);
      ended = next.done === true;
      if (next.done === true) return;
      yield next.value;
    }
  } catch (error) {
    ended ||= !signal.aborted;
    throw error;
  } finally {
    if (!ended) await letGo(iterator, signal.aborted);
  }
}

async function letGo(iterator: AsyncIterator<unknown>, atOnce: boolean): Promise<void> {
  const gone = iterator.return?.();
  if (atOnce) gone?.catch(() => {});
  else await gone;
}
