/** A real store in a folder, and faults in its calls: for the wrappers around drivers. */
import { silentLog } from "../../src/io/log.ts";
import type { Log } from "../../src/io/log.ts";
import { openDriver } from "../../src/store/open.ts";
import type { Store } from "../../src/store/store.ts";
import { scratch } from "./scratch.ts";

type Call = "put" | "get" | "stat" | "list" | "delete" | "sweep" | "capabilities";

export interface StoreFault {
  readonly on: Call;
  /** So many calls; one when left out. */
  readonly times?: number;
  /** Bytes (get, put) or objects (list) that pass before. */
  readonly after?: number;
  /** What is thrown; without it the call hangs until it is aborted. */
  readonly error?: Error;
}

export interface FaultyStore extends AsyncDisposable {
  readonly store: Store;
  /** The calls so far, as `get KEY 10 -` with offset and length. */
  readonly calls: readonly string[];
  inject(fault: StoreFault): void;
}

/** An empty store that does as it should until a fault is injected. */
export async function faultyStore(): Promise<FaultyStore> {
  const folder = await scratch();
  const real = await openDriver(folder.file("store"), { env: {}, log: silentLog });
  const calls: string[] = [];
  const faults: (StoreFault & { left: number })[] = [];
  const faultFor = (on: Call): StoreFault | undefined => {
    const fault = faults.find((one) => one.on === on && one.left > 0);
    if (fault !== undefined) fault.left--;
    return fault;
  };
  const plain = async <T>(
    on: Call,
    what: string,
    signal: AbortSignal,
    work: () => Promise<T>,
  ): Promise<T> => {
    calls.push(`${on} ${what}`.trimEnd());
    const fault = faultFor(on);
    if (fault !== undefined) await strike(fault, signal);
    return work();
  };
  async function* broken<T>(
    pieces: AsyncIterable<T>,
    fault: StoreFault | undefined,
    signal: AbortSignal,
    size: (piece: T) => number,
  ): AsyncIterable<T> {
    let passed = 0;
    if (fault !== undefined && (fault.after ?? 0) === 0) await strike(fault, signal);
    for await (const piece of pieces) {
      yield piece;
      passed += size(piece);
      if (fault !== undefined && passed >= fault.after!) await strike(fault, signal);
    }
  }
  const store: Store = {
    url: real.url,
    capabilities: (options) =>
      plain("capabilities", "", options.signal, () => real.capabilities(options)),
    put(key, body, options) {
      calls.push(`put ${key}`);
      return real.put(
        key,
        broken(body, faultFor("put"), options.signal, (b) => b.length),
        options,
      );
    },
    get(key, options) {
      const { offset = 0, length = "-" } = options;
      calls.push(`get ${key} ${offset} ${length}`);
      return broken(real.get(key, options), faultFor("get"), options.signal, (b) => b.length);
    },
    stat: (key, options) => plain("stat", key, options.signal, () => real.stat(key, options)),
    list(prefix, options) {
      calls.push(`list ${prefix}`.trimEnd());
      return broken(real.list(prefix, options), faultFor("list"), options.signal, () => 1);
    },
    delete: (key, options) => plain("delete", key, options.signal, () => real.delete(key, options)),
    sweep: (ms, options) => plain("sweep", "", options.signal, () => real.sweep(ms, options)),
    [Symbol.asyncDispose]: () => real[Symbol.asyncDispose](),
  };
  return {
    store,
    calls,
    inject: (fault) => void faults.push({ ...fault, left: fault.times ?? 1 }),
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

async function strike({ error }: StoreFault, signal: AbortSignal): Promise<void> {
  if (error !== undefined) throw error;
  await new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    signal.addEventListener("abort", () => reject(signal.reason as Error));
  });
}

/** A log that keeps its lines, level first. */
export function recordingLog(): Log & { readonly lines: string[] } {
  const lines: string[] = [];
  const keep =
    (level: string) =>
    (message: string, fields: object = {}): void =>
      void lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
  return {
    lines,
    debug: keep("debug"),
    info: keep("info"),
    warn: keep("warn"),
    error: keep("error"),
  };
}
