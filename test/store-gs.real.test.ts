/** The driver for Google Cloud Storage against an emulator, and against one that misbehaves. */
import { after, before, test } from "node:test";
import { silentLog } from "../src/io/log.ts";
import { openStore } from "../src/store/open.ts";
import { googleSubject, googleURL, startGoogle, type GoogleService } from "./support/fake-gcs.ts";
import { storeContract } from "./support/store-contract.ts";
import { bearsFaults } from "./support/store-faults.ts";
import { fails, keys, put } from "./support/store-subject.ts";

const IMPATIENT = { stallMs: 4000, noProgressMs: 300, firstPauseMs: 5 };

let service: GoogleService;
before(async () => void (service = await startGoogle()));
after(() => service[Symbol.asyncDispose]());

storeContract("Google Cloud Storage", {
  open: () => googleSubject(service),
  expected: { conditionalPut: true, objectLock: false, versioning: false },
  sweeps: false,
});

bearsFaults("Google Cloud Storage", {
  endpoint: () => service.endpoint,
  subject: (open) => googleSubject(service, open),
  throttling: {
    kind: "answer",
    status: 429,
    headers: { "content-type": "application/json" },
    body: '{"error":{"code":429,"message":"slow down","errors":[{"reason":"rateLimitExceeded"}]}}',
  },
  // it appends what is sent again, where the real service ignores it
  endsUploads: ["lose-answer", "hold-answer"],
});

test("a bucket that is not there is told by name", async () => {
  const options = { env: {}, log: silentLog, persistence: IMPATIENT };
  await using store = await openStore(googleURL("not-there", service.endpoint), options);
  await fails("store-misconfigured", put(store, "a", 10));
  await fails("store-misconfigured", put(store, "a", 20 << 20));
  await fails("store-misconfigured", keys(store));
});
