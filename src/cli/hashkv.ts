import { Command, InvalidArgumentError, Option } from "commander";
import type { Context } from "./context.ts";
import { refuseUnproven, refuseUnreadable, warnWithoutTrailer } from "./damage.ts";
import { addHelpSections } from "./help.ts";
import { inspectSnapshot } from "./snapshot-file.ts";
import {
  printableHashKV,
  tableLines,
  writeOut,
  writeOutOption,
  type WriteOut,
} from "./write-out.ts";

interface Flags {
  readonly writeOut: WriteOut;
  /** 0n: the latest. */
  readonly rev: bigint;
}

/** `holdfast hashkv`: of a file as etcdutl prints it. */
export function hashkvCommand(context: Context): Command {
  const command = new Command("hashkv")
    .description("Prints the hash of the whole key-value history at a revision.")
    .argument("<file>", "the snapshot, which is only read; - for standard input")
    .addOption(
      new Option("--rev <revision>", "the revision to hash up to")
        .argParser(parseRevision)
        .default(0n, "the latest"),
    )
    .addOption(writeOutOption())
    .action((file: string, flags: Flags) => printFileHash(file, flags, context));
  return addHelpSections(command, {
    examples: [
      { what: "Of a snapshot", command: "holdfast hashkv snapshot.db" },
      { what: "At an older revision", command: "holdfast hashkv snapshot.db --rev 1200 -w json" },
    ],
    failures: [
      "not-a-snapshot",
      "revision-compacted",
      "revision-in-future",
      "unsupported-output",
      "snapshot-damaged",
    ],
  });
}

function parseRevision(text: string): bigint {
  if (/^\d{1,19}$/.test(text) && BigInt(text) < 1n << 63n) return BigInt(text);
  throw new InvalidArgumentError("It is no revision.");
}

async function printFileHash(file: string, flags: Flags, context: Context): Promise<void> {
  const { report, hashKV } = await inspectSnapshot(file, context);
  refuseUnreadable(file, report);
  const hash = flags.rev === 0n ? report.hashKV : hashKV(flags.rev);
  context.stdout.write(writeOut(printableHashKV(hash), flags.writeOut, tableLines(context)));
  warnWithoutTrailer(report, context.log);
  refuseUnproven(file, report);
}
