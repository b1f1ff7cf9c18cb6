/** The driver for Azure Blob Storage against its emulator, and against one that misbehaves. */
import { ContainerSASPermissions, generateBlobSASQueryParameters } from "@azure/storage-blob";
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { inspect } from "node:util";
import type { ErrorCode, HoldfastError } from "../src/errors.ts";
import { silentLog } from "../src/io/log.ts";
import { openStore } from "../src/store/open.ts";
import type { Store } from "../src/store/store.ts";
import {
  AZURE_KEY,
  azureSubject,
  azureURL,
  startAzure,
  type AzureService,
} from "./support/azurite.ts";
import { pattern, slowly } from "./support/body.ts";
import { storeContract } from "./support/store-contract.ts";
import { bearsFaults } from "./support/store-faults.ts";
import { fails, keys, put, read, waiting } from "./support/store-subject.ts";

const IMPATIENT = { stallMs: 4000, noProgressMs: 300, firstPauseMs: 5 };

let service: AzureService;
before(async () => void (service = await startAzure()));
after(() => service[Symbol.asyncDispose]());

storeContract("Azure Blob Storage", {
  open: () => azureSubject(service),
  expected: { conditionalPut: true, objectLock: false, versioning: false },
});

bearsFaults("Azure Blob Storage", {
  endpoint: () => new URL(service.endpoint).origin,
  subject: (open) => azureSubject(service, open),
  throttling: {
    kind: "answer",
    status: 503,
    headers: { "x-ms-error-code": "ServerBusy", "content-type": "application/xml" },
    body: "<Error><Code>ServerBusy</Code><Message>The server is busy.</Message></Error>",
  },
});

/** A store in a container, with other credentials than the right ones. */
async function opened(
  container: string,
  env: Record<string, string>,
  parameters = "",
): Promise<Store> {
  const url = azureURL(container, service.endpoint) + parameters;
  return openStore(url, { env, log: silentLog, persistence: IMPATIENT });
}

async function everythingFails(store: Store, code: ErrorCode, words: RegExp): Promise<void> {
  const calls = [put(store, "small", 10), put(store, "large", 20 << 20), read(store, "small")];
  for (const call of await Promise.allSettled([...calls, keys(store)])) {
    assert.equal(call.status, "rejected");
    const { code: found, message } = call.reason as HoldfastError;
    assert.equal(found, code, message);
    assert.match(message, words);
  }
  await store[Symbol.asyncDispose]();
}

test("a wrong key and a container that is not there are told by name", async () => {
  const { containerName } = await service.createContainer();
  const right = { AZURE_STORAGE_KEY: AZURE_KEY };
  const wrong = { AZURE_STORAGE_KEY: Buffer.from("somebody else's").toString("base64") };
  await everythingFails(await opened(containerName, wrong), "store-refused", /key or the token/);
  await everythingFails(await opened("not-there", right), "store-misconfigured", /no container/);
  await everythingFails(
    await opened("Not_There", right),
    "store-misconfigured",
    /no container can have this name|status 400/,
  );
  await fails("store-misconfigured", opened(containerName, { AZURE_STORAGE_KEY: "not base64!" }));
  for (const value of ["sv=1&sig=hunter2\n", "sv=1", "https://x/?sv=1&sig=hunter2", "hunter2"]) {
    const opening = opened(containerName, { AZURE_STORAGE_SAS_TOKEN: value });
    const failure: unknown = await opening.catch((error: unknown) => error);
    assert.match(inspect(failure), /cannot use AZURE_STORAGE_SAS_TOKEN/);
    assert.doesNotMatch(inspect(failure), /hunter2/);
  }
  await assert.rejects(opened(containerName, {}), { message: /is not sent to http:.* no TLS/ });
});

test("a SAS allows what it says, and is in no message", async () => {
  const { containerName } = await service.createContainer();
  const sas = (permissions: string, hours: number): string =>
    generateBlobSASQueryParameters(
      {
        containerName,
        permissions: ContainerSASPermissions.parse(permissions),
        startsOn: new Date(Date.now() - 7_200_000),
        expiresOn: new Date(Date.now() + hours * 3_600_000),
      },
      service.credential,
    ).toString();
  const all = sas("racwdl", 1);
  await using store = await opened(containerName, { AZURE_STORAGE_SAS_TOKEN: all });
  await put(store, "a", 20 << 20);
  assert.deepEqual(await read(store, "a"), pattern("a", 20 << 20));
  assert.deepEqual(await keys(store), ["a"]);
  await using reader = await opened(containerName, { AZURE_STORAGE_SAS_TOKEN: `?${sas("rl", 1)}` });
  assert.deepEqual(await keys(reader), ["a"]);
  for (const failing of [() => put(reader, "b", 10), () => reader.delete("a", waiting)]) {
    const failure = await failing().then(
      () => assert.fail("it was allowed"),
      (error: unknown) => error as HoldfastError,
    );
    assert.equal(failure.code, "store-refused", failure.message);
    assert.doesNotMatch(inspect(failure, { depth: 9 }), /sig=/);
  }
  await using late = await opened(containerName, { AZURE_STORAGE_SAS_TOKEN: sas("rl", -1) });
  await assert.rejects(keys(late), /token/);
});

test("small and large objects get the tier that was asked for", async () => {
  const client = await service.createContainer();
  const right = { AZURE_STORAGE_KEY: AZURE_KEY };
  await using store = await opened(client.containerName, right, "&storageClass=Cool");
  for (const [key, size] of [
    ["small", 10],
    ["large", 20 << 20],
  ] as const) {
    await put(store, key, size);
    const { accessTier } = await client.getBlobClient(`of/tests/${key}`).getProperties();
    assert.equal(accessTier, "Cool");
  }
});

test("who loses a race for a name in the middle leaves the winner's object as it is", async () => {
  const client = await service.createContainer();
  await using store = await opened(client.containerName, { AZURE_STORAGE_KEY: AZURE_KEY });
  const slow = slowly("slow", 20 << 20);
  const losing = store.put("a", slow.body, { ifAbsent: true, ...waiting });
  await slow.waits;
  await put(store, "a", 10);
  slow.goOn();
  await fails("object-exists", losing);
  assert.deepEqual(await read(store, "a"), pattern("a", 10));
  await store.sweep(0, waiting);
  assert.deepEqual(await keys(store), ["a"]);
  assert.deepEqual(await read(store, "a"), pattern("a", 10));
});
