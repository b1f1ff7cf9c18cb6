import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";
import { recordingLog } from "../../../test/support/faulty-store.ts";
import { scratch } from "../../../test/support/scratch.ts";
import { warnOfIdentity } from "./identity-on-host.ts";

const { signal } = new AbortController();
const SECRET = "AGE-SECRET-KEY-1XYZ\n";

test("an identity beside the keys, or where a variable points, is warned of without being quoted", async () => {
  await using folder = await scratch();
  const warned = async (env: Record<string, string> = {}): Promise<string[]> => {
    const log = recordingLog();
    const keys = [folder.file("recipients.txt"), folder.file("signing-key"), undefined];
    await warnOfIdentity(keys, { env, log, signal });
    assert.ok(!log.lines.join().includes("XYZ"));
    return log.lines.map((line) => /warn "(.*)" opens all backups/.exec(line)?.[1] ?? line);
  };
  assert.deepEqual(await warned(), []);
  await writeFile(folder.file("identity.txt"), "# moved to the safe\n");
  assert.deepEqual(await warned(), []);
  await writeFile(folder.file("identity.txt"), SECRET);
  await writeFile(folder.file("recovery-kit.md"), `# kit\n${SECRET}`);
  await writeFile(folder.file("elsewhere"), SECRET);
  const beside = [folder.file("identity.txt"), folder.file("recovery-kit.md")];
  assert.deepEqual(await warned(), beside);
  const named = { HOLDFAST_IDENTITY: folder.file("elsewhere") };
  assert.deepEqual(await warned(named), [folder.file("elsewhere"), ...beside]);
});
