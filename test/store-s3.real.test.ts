/** The driver for S3 against a real service, and against one that misbehaves. */
import { after, before } from "node:test";
import { storeContract } from "./support/store-contract.ts";
import { s3Subject, startS3, type S3Service } from "./support/versitygw.ts";

let service: S3Service;
before(async () => void (service = await startS3()));
after(() => service[Symbol.asyncDispose]());

storeContract("S3", {
  open: () => s3Subject(service),
  expected: { conditionalPut: true, objectLock: false, versioning: false },
});
