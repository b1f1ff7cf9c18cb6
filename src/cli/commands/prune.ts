import { Command, InvalidArgumentError, Option } from "commander";
import type { RetentionRules } from "../../policy/retention.ts";
import type { PrunePlan, Pruned } from "../../repository/prune.ts";
import type { Repository } from "../../repository/repository.ts";
import { requireConsent } from "../terminal/consent.ts";
import type { Context } from "../context.ts";
import { addHelpSections } from "../help.ts";
import { addAllowedSignersFlag, readTrust } from "../flags/keys.ts";
import { parseLongDuration } from "../flags/long-duration.ts";
import { count } from "../texts/count.ts";
import { formatOutput, outputOption, type OutputFormat } from "../texts/output.ts";
import { planDocument, planText } from "../texts/prune-plan.ts";
import {
  addConsentFlag,
  addRepositoryFlags,
  eachRepository,
  parseCount,
  repositorySettings,
} from "../flags/repository.ts";

interface Flags {
  readonly keepLast?: number;
  readonly keepHourly?: number;
  readonly keepDaily?: number;
  readonly keepWeekly?: number;
  readonly keepMonthly?: number;
  readonly keepYearly?: number;
  readonly keepWithin?: number;
  readonly limit?: number;
  readonly sweepAfter: number;
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly output: OutputFormat;
}

const DAY_MS = 86_400_000;

/** `holdfast prune`. */
export function pruneCommand(context: Context): Command {
  const command = new Command("prune")
    .description(
      "Removes the backups that no rule keeps, and what interrupted backups left behind. Days, weeks, … are those of UTC, " +
        "and of each that has backups the newest is kept. Whatever the rules say, these stay: the newest, pinned and locked " +
        "ones, the last proven one of each lineage, and all of them while the newest holds half of what the one before it " +
        "held. Only backups whose signature checks count; others are neither kept by a rule nor removed.",
    )
    .addOption(outputOption())
    .addOption(keep("--keep-last <n>", "keep the newest ones"))
    .addOption(keep("--keep-hourly <n>", "keep one an hour"))
    .addOption(keep("--keep-daily <n>", "keep one a day"))
    .addOption(keep("--keep-weekly <n>", "keep one a week"))
    .addOption(keep("--keep-monthly <n>", "keep one a month"))
    .addOption(keep("--keep-yearly <n>", "keep one a year"))
    .addOption(
      new Option(
        "--keep-within <duration>",
        "keep all that are not older than the newest by more than this: 36h, 14d",
      ).argParser(parseLongDuration),
    )
    .addOption(
      new Option("--limit <n>", "keep no more than this in all, the newest").argParser(parseCount),
    )
    .addOption(
      new Option(
        "--sweep-after <duration>",
        "leftovers of interrupted work are taken away when they are so old",
      )
        .argParser(parseLongDuration)
        .default(2 * DAY_MS, "2d"),
    )
    .option("--dry-run", "print the plan, with a reason for each backup, and change nothing", false)
    .action((flags: Flags) => prune(flags, command, context));
  addRepositoryFlags(command);
  addAllowedSignersFlag(command);
  addConsentFlag(command);
  return addHelpSections(command, {
    examples: [
      {
        what: "What would go, and why",
        command:
          "holdfast prune --repo /var/backups/etcd --allowed-signers allowed-signers --keep-hourly 24 --keep-daily 14 --dry-run",
      },
      {
        what: "From a schedule",
        command:
          "holdfast prune --repo s3://backups/etcd --allowed-signers allowed-signers --keep-daily 14 --keep-monthly 12 --yes",
      },
    ],
    failures: [
      "backup-unknown",
      "consent-missing",
      "store-not-there",
      "store-refused",
      "store-unreachable",
    ],
  });
}

function keep(flag: string, what: string): Option {
  return new Option(flag, what).argParser((text) => {
    if (/^\d{1,6}$/.test(text)) return Number(text);
    throw new InvalidArgumentError("It is no number.");
  });
}

function rulesOf(flags: Flags): RetentionRules {
  return {
    last: flags.keepLast,
    hourly: flags.keepHourly,
    daily: flags.keepDaily,
    weekly: flags.keepWeekly,
    monthly: flags.keepMonthly,
    yearly: flags.keepYearly,
    withinMs: flags.keepWithin,
    limit: flags.limit,
  };
}

async function prune(flags: Flags, command: Command, context: Context): Promise<void> {
  const settings = repositorySettings(command, context);
  const trust = await readTrust(command, context);
  const { planPrune } = await import("../../repository/prune.ts");
  const { requireTrusted } = await import("../../repository/standing.ts");
  if (!flags.dryRun) requireTrusted({ isTrusted: trust !== undefined });
  const { signal } = context;
  const rules = rulesOf(flags);
  const done = await eachRepository(settings, context, async (repository) => {
    const plan = await planPrune(repository, settings.cluster, {
      trust,
      rules,
      graceMs: flags.sweepAfter,
      signal,
    });
    const shown = { url: repository.store.url, plan };
    if (flags.output === "text") context.stdout.write(`${planText(shown)}\n`);
    tellDoubts(plan, context);
    const pruned = flags.dryRun ? undefined : await run(repository, plan, flags, context);
    return planDocument(shown, pruned);
  });
  if (flags.output !== "text")
    context.stdout.write(await formatOutput(flags.output, done.results, () => ""));
  done.throwFailure();
}

function tellDoubts({ frozen, orphans, standings }: PrunePlan, { log }: Context): void {
  if (frozen !== undefined) log.warn(`nothing is removed: ${frozen}`);
  if (orphans.unknown !== undefined) log.warn(`no leftovers are swept: ${orphans.unknown}`);
  if (!standings.isTrusted)
    log.warn("without --allowed-signers every backup counts here, also one that somebody forged");
}

async function run(
  repository: Repository,
  plan: PrunePlan,
  { yes }: Flags,
  context: Context,
): Promise<Pruned> {
  const { runPrune } = await import("../../repository/prune.ts");
  const going = plan.decisions.filter((decision) => !decision.keep).length;
  const orphans = plan.orphans.found.length;
  if (going + orphans > 0) {
    const leftovers = orphans === 0 ? "" : `, and ${count(orphans, "leftover")},`;
    const question = `remove ${count(going, "backup")}${leftovers} from ${repository.store.url}`;
    await requireConsent(question, { yes }, context);
  }
  const pruned = await runPrune(repository, plan, context);
  const { removed, kept, swept, uploads } = pruned;
  for (const { id, reason } of kept) context.log.warn(`${id} is kept: ${reason}`);
  context.log.info(
    `removed ${count(removed.length, "backup")}, ${count(swept.length, "leftover")} and ${count(uploads, "unfinished upload")}`,
    { repository: repository.store.url },
  );
  return pruned;
}
