/** The driver for Google Cloud Storage against an emulator, and against one that misbehaves. */
import { after, before } from "node:test";
import { googleSubject, startGoogle, type GoogleService } from "./support/fake-gcs.ts";
import { storeContract } from "./support/store-contract.ts";

let service: GoogleService;
before(async () => void (service = await startGoogle()));
after(() => service[Symbol.asyncDispose]());

storeContract("Google Cloud Storage", {
  open: () => googleSubject(service),
  expected: { conditionalPut: true, objectLock: false, versioning: false },
  sweeps: false,
});
