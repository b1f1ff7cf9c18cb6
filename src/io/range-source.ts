/** Reads anywhere: at most `length` bytes from `offset`, fewer only at the end. The bytes must not be changed. */
export type ReadRange = (offset: number, length: number) => Promise<Uint8Array>;

/** Bytes of known size that are read at any place, and for that asked for somewhere else. */
export interface RangeSource {
  /** Bytes. */
  readonly size: number;
  readonly readAt: ReadRange;
}
