/** The thread behind `createSha256`: answers every piece with "", and null with the digest. */
import { createHash } from "node:crypto";
import { parentPort } from "node:worker_threads";

const hash = createHash("sha256");
parentPort?.on("message", (bytes: Uint8Array | null) => {
  if (bytes !== null) hash.update(bytes);
  parentPort?.postMessage(bytes === null ? hash.digest("hex") : "");
});
