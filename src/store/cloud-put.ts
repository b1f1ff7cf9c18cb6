/** What a put into any cloud begins with: whether it may, and the first part, which tells a small object from a large one. */
import { abortable } from "../io/abortable.ts";
import { randomName } from "../io/random.ts";
import { createSending, partsOf, type Part, type Sending } from "./body-parts.ts";
import { StoreFailure } from "./failure.ts";
import { requireKey } from "./key.ts";
import type { PutOptions } from "./store.ts";

/** A put under way, into a bucket or a container. */
export interface Put<Place> {
  readonly place: Place;
  readonly key: string;
  /** By which it knows its own object again when an answer was lost. */
  readonly token: string;
  readonly ifAbsent: boolean;
  /** Aborted at the first failure too. */
  readonly signal: AbortSignal;
}

/** Its body in parts. Disposing ends the body, however far it was read. */
export interface Begun<Place> extends AsyncDisposable {
  readonly put: Put<Place>;
  readonly sending: Sending;
  /** All of the object when it is the last one too. */
  readonly first: Part;
  /** All parts, the first included. */
  readonly parts: AsyncIterable<Part>;
  /** Takes the memory of a part that nobody needs any more. */
  recycle(part: Part): void;
}

/**
 * Begins one. `look` says what lies under the key, undefined for nothing: with `ifAbsent` it saves a long upload in vain,
 * and the object where the service does not know conditions. Throws "object-exists", and what the body throws.
 */
export async function beginPut<Place>(
  place: Place,
  key: string,
  body: AsyncIterable<Uint8Array>,
  { ifAbsent = false, sizeHint, signal }: PutOptions,
  look: (put: Put<Place>) => Promise<unknown>,
): Promise<Begun<Place>> {
  requireKey(key);
  signal.throwIfAborted();
  const sending = createSending(signal);
  const put = { place, key, token: randomName(32), ifAbsent, signal: sending.signal };
  if (ifAbsent) await refuseTaken(put, look);
  const { parts, recycle } = partsOf(abortable(body, sending.signal), sizeHint);
  const first = (await parts.next()).value as Part;
  async function* all(): AsyncGenerator<Part> {
    yield first;
    yield* parts;
  }
  return {
    put,
    sending,
    first,
    parts: all(),
    recycle,
    async [Symbol.asyncDispose]() {
      await parts.return(undefined).catch(() => {});
    },
  };
}

async function refuseTaken<Place>(
  put: Put<Place>,
  look: (put: Put<Place>) => Promise<unknown>,
): Promise<void> {
  const found = await look(put).catch((error: unknown) => {
    // who may only write cannot look
    if (error instanceof StoreFailure && error.code === "store-refused") return undefined;
    throw error;
  });
  if (found === undefined) return;
  const message = `cannot put "${put.key}": there is one of this name already`;
  throw new StoreFailure("object-exists", message);
}
