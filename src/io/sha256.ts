import { createHash } from "node:crypto";
import { Worker } from "node:worker_threads";

/** SHA-256 of bytes handed over in order. */
export interface Sha256 extends AsyncDisposable {
  /** The bytes must stay as they are until the promise resolves. */
  update(bytes: Uint8Array): Promise<void>;
  /** Hexadecimal, of all bytes so far; once, at the end. */
  digest(): Promise<string>;
}

/** Below this size starting a thread costs more than it saves. */
const THREAD_FROM = 32 << 20;

/**
 * A hash on a second core where the input is large (or of unknown size), on this one where it is small. Handing
 * over costs nothing only for shared memory: other bytes would be copied to the thread.
 */
export function createSha256(sizeHint: number | undefined): Sha256 {
  return sizeHint !== undefined && sizeHint < THREAD_FROM ? onThisThread() : onOwnThread();
}

/** In place of one: takes everything at once, and its digest is "". */
export function noSha256(): Sha256 {
  return {
    async update() {},
    digest: async () => "",
    async [Symbol.asyncDispose]() {},
  };
}

function onThisThread(): Sha256 {
  const hash = createHash("sha256");
  return {
    async update(bytes) {
      hash.update(bytes);
    },
    digest: async () => hash.digest("hex"),
    async [Symbol.asyncDispose]() {},
  };
}

function onOwnThread(): Sha256 {
  const worker = new Worker(new URL("./sha256-thread.ts", import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4 },
  });
  const waiting: { resolve(value: string): void; reject(cause: unknown): void }[] = [];
  let failure: unknown;
  worker.on("message", (answer: string) => waiting.shift()?.resolve(answer));
  worker.on("error", (cause) => {
    failure = cause;
    for (const { reject } of waiting.splice(0)) reject(cause);
  });
  const ask = (message: Uint8Array | null): Promise<string> =>
    new Promise((resolve, reject) => {
      if (failure !== undefined) return reject(failure);
      waiting.push({ resolve, reject });
      worker.postMessage(message);
    });
  return {
    async update(bytes) {
      await ask(bytes);
    },
    // what comes after it may take much memory: the thread's is given back before
    digest: () => ask(null).finally(() => void worker.terminate()),
    async [Symbol.asyncDispose]() {
      await worker.terminate();
    },
  };
}
