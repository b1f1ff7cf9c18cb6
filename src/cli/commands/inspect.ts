import { Command, InvalidArgumentError, Option } from "commander";
import { reportDocument } from "../../inspect/report-document.ts";
import type { Report } from "../../inspect/report.ts";
import { refuseDamaged } from "../../inspect/verdict.ts";
import type { Log } from "../../io/log.ts";
import { acceptFindingOption } from "../flags/accept-finding.ts";
import type { Context } from "../context.ts";
import { addHelpSections } from "../help.ts";
import { formatOutput, outputOption, type OutputFormat } from "../texts/output.ts";
import { reportText } from "../texts/report-text.ts";
import { inspectSnapshot } from "../inputs/snapshot-file.ts";

/** What one pass remembers of the largest and the most revised. */
const MOST_LISTED = 20;

interface Flags {
  readonly output: OutputFormat;
  readonly requireTrailer: boolean;
  readonly acceptFinding: readonly string[];
  readonly top: number;
}

/** `holdfast inspect`. */
export function inspectCommand(context: Context): Command {
  const command = new Command("inspect")
    .description(
      "Proves a snapshot in one pass (SHA-256, pages, tree, freelist, every row) and prints all that it learns on the way: " +
        "what a restore would bring back, who fills the database, and every finding with its place. " +
        "An error is what changes the restored state or stops a boot; everything else warns.",
    )
    .argument("<file>", "the snapshot, or a member's db file; - for standard input")
    .addOption(outputOption())
    .option("--require-trailer", "a snapshot without its SHA-256 is an error, not a warning", false)
    .addOption(acceptFindingOption("exit with 0"))
    .addOption(
      new Option("--top <n>", "how many of the largest rows and most revised keys to list")
        .argParser(parseCount)
        .default(10),
    )
    .action((file: string, flags: Flags) => inspect(file, flags, context));
  return addHelpSections(command, {
    examples: [
      { what: "A snapshot", command: "holdfast inspect snapshot.db" },
      {
        what: "Only one that came whole over the wire will do",
        command: "holdfast inspect snapshot.db --require-trailer",
      },
      {
        what: "Who fills the database",
        command: "holdfast inspect snapshot.db -o json | jq '.prefixes[:5]'",
      },
      {
        what: "A sealed one, without unpacking it to disk",
        command: "age -d -i key.txt backup.db.zst.age | zstd -d | holdfast inspect -",
      },
    ],
    failures: ["not-a-snapshot", "snapshot-damaged"],
  });
}

function parseCount(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count <= MOST_LISTED) return count;
  throw new InvalidArgumentError(`It is no number from 0 to ${MOST_LISTED}.`);
}

async function inspect(file: string, flags: Flags, context: Context): Promise<void> {
  const { requireTrailer, acceptFinding, output, top } = flags;
  const { report } = await inspectSnapshot(file, context, { requireTrailer });
  const name = file === "-" ? "standard input" : file;
  const shown = {
    ...report,
    largest: report.largest.slice(0, top),
    mostRevised: report.mostRevised.slice(0, top),
  };
  context.stdout.write(
    await formatOutput(output, reportDocument(name, shown), () => reportText(name, shown)),
  );
  tellAccepted(report, acceptFinding, context.log);
  refuseDamaged(report, acceptFinding);
}

/** Going on past damage is never silent. */
function tellAccepted({ findings }: Report, accept: readonly string[], log: Log): void {
  for (const { code, severity, message } of findings) {
    if (severity === "error" && accept.includes(code))
      log.warn(`accepted by --accept-finding ${code}: ${message}`);
  }
}
