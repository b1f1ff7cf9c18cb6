import { concatBytes } from "../format/bytes.ts";

/** A stream whose beginning is looked at before the rest goes on. */
export interface Inlet {
  /** What has come so far and was not dropped: at least `bytes` of it, unless the stream has ended. */
  peek(bytes: number): Promise<Uint8Array>;
  drop(bytes: number): void;
  /** Everything that was not dropped; once. */
  rest(): AsyncGenerator<Uint8Array, void, undefined>;
}

/** Who does not take the rest to its end, calls `input.return()` by leaving `rest()`. */
export function openInlet(input: AsyncGenerator<Uint8Array, void, undefined>): Inlet {
  let seen: Uint8Array = new Uint8Array(0);
  return {
    async peek(bytes) {
      const parts = [seen];
      for (let length = seen.length; length < bytes;) {
        const next = await input.next();
        if (next.done === true) break;
        // it may be used again upstream
        parts.push(next.value.slice());
        length += next.value.length;
      }
      seen = parts.length === 1 ? seen : concatBytes(parts);
      return seen;
    },
    drop(bytes) {
      seen = seen.subarray(bytes);
    },
    async *rest() {
      if (seen.length > 0) yield seen;
      yield* input;
    },
  };
}
