import { Command } from "commander";
import { HoldfastError } from "../../errors.ts";
import type { Described } from "../../repository/overview.ts";
import type { Repository } from "../../repository/repository.ts";
import type { Trust } from "../../repository/trust.ts";
import { backupDocument } from "../texts/backup-document.ts";
import { backupText } from "../texts/backup-text.ts";
import type { Context } from "../context.ts";
import { addHelpSections } from "../help.ts";
import { addAllowedSignersFlag, readTrust } from "../flags/keys.ts";
import { formatOutput, outputOption, type OutputFormat } from "../texts/output.ts";
import { addRepositoryFlags, openRepositoryAt, repositorySettings } from "../flags/repository.ts";

/** `holdfast show`. */
export function showCommand(context: Context): Command {
  const command = new Command("show")
    .description(
      "Prints what is known of one backup: its manifest, what the evidence says, and with --allowed-signers whose " +
        "signature it has. It is read from the store, never from a cache. Of several repositories the first that has it " +
        "is shown.",
    )
    .argument("<target>", "an ID or enough of its beginning, latest, or a time (UTC)")
    .addOption(outputOption())
    .action((target: string, flags: { output: OutputFormat }) =>
      show(target, flags, command, context),
    );
  addRepositoryFlags(command);
  addAllowedSignersFlag(command);
  return addHelpSections(command, {
    examples: [
      { what: "The newest", command: "holdfast show latest --repo /var/backups/etcd" },
      {
        what: "What there was on a certain evening",
        command: "holdfast show 2026-11-24T18:00 --repo s3://backups/etcd",
      },
    ],
    failures: [
      "backup-unknown",
      "document-invalid",
      "signature-missing",
      "signature-invalid",
      "signer-unknown",
      "store-not-there",
    ],
  });
}

async function show(
  target: string,
  { output }: { readonly output: OutputFormat },
  command: Command,
  context: Context,
): Promise<void> {
  const settings = repositorySettings(command, context);
  const trust = await readTrust(command, context);
  let failure: unknown;
  for (const url of settings.urls) {
    try {
      await using repository = await openRepositoryAt(url, context);
      const described = await describe(repository, settings.cluster, target, { trust, context });
      const text = (): string => backupText(described, trust !== undefined);
      context.stdout.write(await formatOutput(output, backupDocument(described, [url]), text));
      return throwProblem(described.problem);
    } catch (error) {
      context.signal.throwIfAborted();
      failure ??= error;
      if (!isElsewhere(error)) throw error;
    }
  }
  throw failure;
}

function throwProblem(problem: HoldfastError | undefined): void {
  if (problem !== undefined) throw problem;
}

/** Whether another repository may have it. */
function isElsewhere(error: unknown): boolean {
  if (!(error instanceof HoldfastError)) return false;
  return error.code === "backup-unknown" || error.code.startsWith("store-");
}

async function describe(
  repository: Repository,
  cluster: string,
  target: string,
  { trust, context }: { readonly trust: Trust | undefined; readonly context: Context },
): Promise<Described> {
  const { readOverview, describeBackups } = await import("../../repository/overview.ts");
  const { requireBackups } = await import("../../repository/clusters.ts");
  const { findBackup } = await import("../../repository/target.ts");
  const { signal } = context;
  const overview = await readOverview(repository, cluster, { signal });
  await requireBackups(repository, overview.listing, { signal });
  const name = findBackup(overview.listing, target);
  const described = describeBackups(repository, overview, [name], { signal, trust });
  return (await described.next()).value as Described;
}
