/** The single things that `holdfast store check` tries, in their order. */
import { HoldfastError } from "../errors.ts";
import { monotonicMs, now } from "../io/clock.ts";
import { bytesOf, digestOf } from "./check-body.ts";
import { StoreFailure } from "./failure.ts";
import type { Capabilities, GetOptions, Store } from "./store.ts";

/** What is learned on the way. */
export interface Measures {
  /** Undefined where the store could not say. */
  readonly capabilities: Capabilities | undefined;
  /** Of a small request, there and back; the median of a few. */
  readonly latencyMs: number | undefined;
  /** Of one large object. */
  readonly uploadBytesPerSecond: number | undefined;
  readonly downloadBytesPerSecond: number | undefined;
  /** How far the store's clock is ahead of this one, in whole seconds, where it tells. */
  readonly clockAheadSeconds: number | undefined;
}

/** Where trials are made. */
export interface Bench {
  readonly store: Store;
  readonly signal: AbortSignal;
  /** Of the large object. */
  readonly bytes: number;
  /** Names that nobody else uses; the folder of all of them. */
  readonly folder: string;
  readonly small: string;
  readonly large: string;
  /** What may have been written. */
  readonly written: Set<string>;
  readonly measures: { -readonly [K in keyof Measures]: Measures[K] };
}

/** One thing to try. */
export interface Trial {
  readonly name: string;
  /** Steps that must not have failed. */
  readonly needs: readonly string[];
  /** Gives what was seen. Throws for a failure, a Caution for a warning. */
  readonly run: (bench: Bench) => Promise<string>;
}

/** Something that works otherwise than one would wish. */
export class Caution extends Error {}

/** In this order; what a trial needs stands before it. */
export const TRIALS: readonly Trial[] = [
  { name: "list", needs: [], run: tryList },
  { name: "write", needs: [], run: tryWrite },
  { name: "read", needs: ["write"], run: tryRead },
  { name: "stat", needs: ["write"], run: tryStat },
  { name: "range", needs: ["read"], run: tryRange },
  { name: "find", needs: ["list", "write"], run: tryFind },
  { name: "abilities", needs: ["write"], run: tryCapabilities },
  { name: "overwrite", needs: ["write"], run: tryOverwrite },
  { name: "upload", needs: ["write"], run: tryUpload },
  { name: "download", needs: ["upload", "read"], run: tryDownload },
  { name: "latency", needs: ["stat"], run: tryLatency },
  { name: "sweep", needs: ["write"], run: trySweep },
  { name: "delete", needs: ["write"], run: tryDelete },
];

const SMALL = 4000;

async function tryList({ store, folder, signal }: Bench): Promise<string> {
  for await (const { key } of store.list(`${folder}/`, { signal }))
    throw wrong(`"${key}" is listed, though nobody wrote it`);
  return "objects can be listed";
}

async function tryWrite(bench: Bench): Promise<string> {
  const { store, small, signal, written } = bench;
  written.add(small);
  const start = monotonicMs();
  const { size } = await store.put(small, bytesOf(SMALL), { ifAbsent: true, signal });
  if (size !== SMALL) throw wrong(`${size} bytes were stored, ${SMALL} were sent`);
  return `a small object was written in ${ms(start)}`;
}

async function tryRead({ store, small, signal }: Bench): Promise<string> {
  const start = monotonicMs();
  if (!(await comesBack(store, small, { offset: 0, length: SMALL, signal })))
    throw wrong("other bytes came back than were sent");
  return `it was read back in ${ms(start)}, the same bytes`;
}

async function tryStat(bench: Bench): Promise<string> {
  const { store, small, signal, measures } = bench;
  const found = await store.stat(small, { signal });
  if (found === undefined) throw wrong("the object that was just written is not there");
  if (found.size !== SMALL) throw wrong(`its size is said to be ${found.size}, wanted ${SMALL}`);
  if (found.modifiedMs === undefined) return "its size is told, its time is not";
  const ahead = Math.round((found.modifiedMs - now().getTime()) / 1000);
  measures.clockAheadSeconds = ahead;
  if (Math.abs(ahead) < TOLERABLE_SKEW_SECONDS) return "its size and time are told";
  const where = ahead > 0 ? "ahead of" : "behind";
  throw new Caution(
    `the store's clock is ${Math.abs(ahead)} s ${where} this machine's: correct the one that is wrong`,
  );
}

/** From there on signatures begin to be refused by some. */
const TOLERABLE_SKEW_SECONDS = 240;

async function tryRange({ store, small, signal }: Bench): Promise<string> {
  const RANGES = [
    [0, 1],
    [100, 1000],
    [SMALL - 1, 50],
    [SMALL, 10],
  ] as const;
  for (const [offset, length] of RANGES) {
    if (!(await comesBack(store, small, { offset, length, signal })))
      throw wrong(`the bytes from ${offset} on are not those that were asked for`);
  }
  return "parts of it can be read";
}

async function comesBack(
  store: Store,
  key: string,
  options: GetOptions & { readonly offset: number; readonly length: number },
): Promise<boolean> {
  const { offset, length } = options;
  const expected = await digestOf(bytesOf(Math.min(SMALL, offset + length), offset));
  return (await digestOf(store.get(key, options))).sha256 === expected.sha256;
}

async function tryFind({ store, folder, small, signal }: Bench): Promise<string> {
  const found: string[] = [];
  for await (const { key, size } of store.list(`${folder}/`, { signal }))
    found.push(`${key} ${size}`);
  if (found.join() !== `${small} ${SMALL}`)
    throw wrong(`the list shows ${found.join(", ") || "nothing"}, wanted ${small} ${SMALL}`);
  return "a list shows what was just written";
}

async function tryOverwrite({ store, small, signal, measures }: Bench): Promise<string> {
  const code = await store.put(small, bytesOf(1), { ifAbsent: true, signal }).then(
    () => undefined,
    (error: unknown) => codeOf(error) ?? Promise.reject(error as Error),
  );
  if (code === undefined)
    throw new Caution("a second object of the same name replaces the first: writers could collide");
  if (measures.capabilities?.conditionalPut !== false)
    return "a second object of the same name is refused";
  throw new Caution(
    "a second object of the same name is refused only by a look before it: two writers at the same moment could collide",
  );
}

/** Of what is expected to fail; undefined for every other failure. */
function codeOf(error: unknown): "object-exists" | undefined {
  return error instanceof HoldfastError && error.code === "object-exists" ? error.code : undefined;
}

async function tryUpload(bench: Bench): Promise<string> {
  const { store, large, bytes, signal, written, measures } = bench;
  written.add(large);
  const start = monotonicMs();
  const { size } = await store.put(large, bytesOf(bytes), { ifAbsent: true, signal });
  if (size !== bytes) throw wrong(`${size} bytes were stored, ${bytes} were sent`);
  measures.uploadBytesPerSecond = rate(bytes, start);
  return "a large object of unknown length was written";
}

async function tryDownload({ store, large, bytes, signal, measures }: Bench): Promise<string> {
  const expected = await digestOf(bytesOf(bytes));
  const start = monotonicMs();
  const { size, sha256 } = await digestOf(store.get(large, { signal }));
  if (size !== bytes || sha256 !== expected.sha256)
    throw wrong(`${size} bytes with another SHA-256 came back, ${bytes} were sent`);
  measures.downloadBytesPerSecond = rate(bytes, start);
  return "it was read back, the same bytes";
}

const LATENCY_SAMPLES = 7;

async function tryLatency({ store, small, signal, measures }: Bench): Promise<string> {
  const samples: number[] = [];
  for (let n = 0; n < LATENCY_SAMPLES; n++) {
    const start = monotonicMs();
    await store.stat(small, { signal });
    samples.push(monotonicMs() - start);
  }
  const median = samples.toSorted((a, b) => a - b)[LATENCY_SAMPLES >> 1]!;
  measures.latencyMs = Math.round(median * 100) / 100;
  return "small requests were measured";
}

/** So old that nothing is: only whether it may be done is of interest. */
const AGES_MS = 50 * 365 * 86_400_000;

async function trySweep({ store, signal }: Bench): Promise<string> {
  await store.sweep(AGES_MS, { signal });
  return "what interrupted uploads leave behind can be found";
}

async function tryCapabilities({ store, signal, measures }: Bench): Promise<string> {
  measures.capabilities = await store.capabilities({ signal });
  return "the store was asked what it can do";
}

async function tryDelete({ store, small, large, written, signal }: Bench): Promise<string> {
  for (const key of [large, small].filter((one) => written.has(one))) {
    await store.delete(key, { signal }).catch((error: unknown) => {
      throw isLocked(error) ? lockedCaution(error) : error;
    });
    if ((await store.stat(key, { signal })) !== undefined)
      throw wrong(`"${key}" is still there after it was deleted`);
    written.delete(key);
  }
  return "both objects were removed again";
}

function isLocked(error: unknown): error is HoldfastError {
  return error instanceof HoldfastError && error.code === "object-locked";
}

function lockedCaution({ message }: HoldfastError): Caution {
  return new Caution(
    `objects are locked, so what was written stays until the lock is over: ${message}`,
  );
}

function wrong(message: string): StoreFailure {
  return new StoreFailure("store-wrong-answer", message);
}

function ms(start: number): string {
  return `${Math.max(1, Math.round(monotonicMs() - start))} ms`;
}

function rate(bytes: number, start: number): number {
  return Math.round((bytes * 1000) / Math.max(1, monotonicMs() - start));
}
