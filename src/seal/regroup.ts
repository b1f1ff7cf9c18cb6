/** Some bytes of a stream, valid until the next ones are asked for. */
export interface Group {
  readonly bytes: Uint8Array;
  /** Nothing follows. */
  readonly last: boolean;
}

/** The stream in groups of `size` bytes. The last one may be shorter, but is empty only when the whole stream is. */
export async function* regroup(
  input: AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<Group, void, undefined> {
  const memory = new Uint8Array(size);
  let filled = 0;
  for await (const piece of input) {
    for (let at = 0; at < piece.length;) {
      if (filled === size) {
        yield { bytes: memory, last: false };
        filled = 0;
      }
      const part = piece.subarray(at, at + size - filled);
      memory.set(part, filled);
      filled += part.length;
      at += part.length;
    }
  }
  yield { bytes: memory.subarray(0, filled), last: true };
}
