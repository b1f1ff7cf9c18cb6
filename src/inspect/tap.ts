import { sinkStream } from "../io/sink-stream.ts";
import type { ByteSource } from "../io/source.ts";
import { inspectStream, type InspectOptions } from "./inspect.ts";
import type { Inspection } from "./report.ts";

/**
 * The bytes of a snapshot as they come, inspected on the way. At their end `judge` gets the inspection, before the reader
 * learns that this is the end: what it throws, the reader gets instead. Each piece is valid until the next one is asked
 * for, and its memory may be shared with another thread.
 */
export function tapped(
  source: ByteSource,
  { signal, ...options }: Omit<InspectOptions, "sink"> & { readonly signal: AbortSignal },
  judge: (inspection: Inspection) => Promise<void> | void,
): AsyncGenerator<Uint8Array, void, undefined> {
  return sinkStream(async (sink, stop) => {
    await judge(await inspectStream(source, { ...options, sink, signal: stop }));
  }, signal);
}
