/** Every command about a repository finds it by the environment alone, as it does by flags. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";
import { backendOf, rowsOf, withTrailer } from "./support/small-snapshot.ts";
import { station } from "./support/station.ts";

test("repository, cluster and keys are named by variables alone", async () => {
  await using here = await station();
  const path = here.file("a.db");
  await writeFile(path, withTrailer(backendOf(rowsOf([[{ key: "a", value: "1" }]]))));
  const env = {
    HOLDFAST_REPO: here.repo,
    HOLDFAST_CLUSTER: here.cluster,
    HOLDFAST_RECIPIENTS_FILE: here.key("recipients.txt"),
    HOLDFAST_SIGNING_KEY: here.key("signing-key"),
    HOLDFAST_IDENTITY: here.key("identity.txt"),
    HOLDFAST_ALLOWED_SIGNERS: here.key("allowed-signers"),
    HOLDFAST_CACHE_DIR: here.file("cache"),
  };
  const says = async (pattern: RegExp, ...argv: string[]): Promise<void> => {
    const { status, stdout, stderr } = await here.run(argv, { env });
    assert.equal(status, 0, `${argv.join(" ")}: ${stderr}`);
    assert.match(stdout + stderr, pattern, argv.join(" "));
  };
  await says(/^ {2}revision/m, "import", path);
  await says(/is pinned/, "pin", "latest");
  await says(/pinned/, "list");
  await says(/^ {2}name +prod/m, "show", "latest");
  await says(/backups verified: 1, bad: 0/, "verify", "--read-data");
  await says(/^1 backup, 0 to remove/m, "prune", "--keep-last=1", "--yes");
  await says(/^1 backup sealed anew/m, "rekey", "--all", "--yes");
  const second = here.file("second");
  await says(/^1 backup copied/m, "copy", `--to=${second}`, "--init");
  const place = ["--name=m1", "--initial-cluster=m1=http://127.0.0.1:1"];
  await says(/^Restored/m, "restore", ...place, `--data-dir=${here.file("etcd")}`);
});
