/** The driver for Azure Blob Storage against its emulator, and against one that misbehaves. */
import { after, before } from "node:test";
import { azureSubject, startAzure, type AzureService } from "./support/azurite.ts";
import { storeContract } from "./support/store-contract.ts";

let service: AzureService;
before(async () => void (service = await startAzure()));
after(() => service[Symbol.asyncDispose]());

storeContract("Azure Blob Storage", {
  open: () => azureSubject(service),
  expected: { conditionalPut: true, objectLock: false, versioning: false },
});
