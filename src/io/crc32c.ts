import { createRequire } from "node:module";
import { crc32c as portable, type Crc32c } from "../format/crc32c.ts";

/** Below this length the call into native code costs more than the table does. */
const NATIVE_FROM = 128;

/** The native module, where the platform has one: it is an optional dependency. */
function loadNative(): ((bytes: Uint8Array, seed: number) => number) | undefined {
  try {
    const loaded = createRequire(import.meta.url)("@node-rs/crc32") as {
      crc32c(bytes: Uint8Array, seed: number): number;
    };
    return loaded.crc32c(Buffer.from("123456789"), 0) === 0xe3069283 ? loaded.crc32c : undefined;
  } catch {
    return undefined;
  }
}

const native = loadNative();

/** Whether CRC-32C runs in native code here. */
export const hasNativeCrc32c = native !== undefined;

/** CRC-32C by the fastest means at hand: native for long inputs, our own table for short ones. */
export const fastCrc32c: Crc32c =
  native === undefined
    ? portable
    : (bytes, seed, from = 0, to = bytes.length) =>
        to - from < NATIVE_FROM
          ? portable(bytes, seed, from, to)
          : native(bytes.subarray(from, to), seed);
