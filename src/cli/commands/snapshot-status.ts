import { Command } from "commander";
import type { Context } from "../context.ts";
import { refuseUnproven, refuseUnreadable, tellDoubts } from "../inputs/damage.ts";
import { addHelpSections } from "../help.ts";
import { addIgnoredFlags } from "../flags/ignored.ts";
import { inspectSnapshot } from "../inputs/snapshot-file.ts";
import {
  printableStatus,
  tableLines,
  writeOut,
  writeOutOption,
  type WriteOut,
} from "../texts/write-out.ts";

/** `holdfast snapshot status`: etcdutl's output, and the SHA-256 that etcdutl does not check. */
export function snapshotStatusCommand(context: Context): Command {
  const command = new Command("status")
    .description(
      "Prints hash, revision, number of keys, size and storage version of a snapshot as etcdutl does, " +
        "and proves the snapshot: its SHA-256, its pages, its tree and its rows.",
    )
    .argument("<file>", "the snapshot; - for standard input")
    .addOption(writeOutOption())
    .action((file: string, { writeOut: mode }: { writeOut: WriteOut }) =>
      printStatus(file, mode, context),
    );
  addIgnoredFlags(command);
  return addHelpSections(command, {
    examples: [
      { what: "As a table", command: "holdfast snapshot status snapshot.db --write-out=table" },
      { what: "For a script", command: "holdfast snapshot status snapshot.db -w json" },
      {
        what: "A compressed one, without unpacking it to disk",
        command: "zstd -dc snapshot.db.zst | holdfast snapshot status -",
      },
    ],
    failures: ["unsupported-output", "not-a-snapshot", "snapshot-damaged"],
  });
}

async function printStatus(file: string, mode: WriteOut, context: Context): Promise<void> {
  const { report } = await inspectSnapshot(file, context);
  refuseUnreadable(file, report);
  context.stdout.write(writeOut(printableStatus(report.status), mode, tableLines(context)));
  tellDoubts(report, context.log);
  refuseUnproven(file, report);
}
