import { scratch } from "../../../test/support/scratch.ts";
import { folderSubject } from "../../../test/support/folder-store.ts";
import { storeContract } from "../../../test/support/store-contract.ts";

storeContract("a folder on this disk", {
  open: async () => {
    const folder = await scratch();
    return folderSubject(folder.file("store"), async () => folder[Symbol.asyncDispose]());
  },
  expected: { conditionalPut: true, objectLock: false, versioning: false },
  many: 300,
});
