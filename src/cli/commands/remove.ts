import { Command } from "commander";
import type { RemovalPlan } from "../../repository/remove.ts";
import { requireConsent } from "../terminal/consent.ts";
import type { Context } from "../context.ts";
import { addHelpSections } from "../help.ts";
import { addAllowedSignersFlag, readTrust } from "../flags/keys.ts";
import {
  addConsentFlag,
  addRepositoryFlags,
  eachRepository,
  repositorySettings,
} from "../flags/repository.ts";

interface Flags {
  readonly dryRun: boolean;
  readonly yes: boolean;
}

/** `holdfast remove`. */
export function removeCommand(context: Context): Command {
  const command = new Command("remove")
    .description(
      "Removes one backup, with the same protections as prune: the newest, pinned and locked ones, and the last proven one " +
        "of each lineage stay. A backup that does not count, as one whose signature does not check, has none of them but " +
        "pins and locks.",
    )
    .argument("<id>", "an ID, or enough of its beginning; not latest, nor a time")
    .option("--dry-run", "say what would be removed, and change nothing", false)
    .action((id: string, flags: Flags) => remove(id, flags, command, context));
  addRepositoryFlags(command);
  addAllowedSignersFlag(command);
  addConsentFlag(command);
  return addHelpSections(command, {
    examples: [
      {
        what: "One that nobody needs",
        command:
          "holdfast remove 20261124T070320Z-l1-r52117-0123456789abcdef --repo s3://backups/etcd --allowed-signers allowed-signers",
      },
    ],
    failures: [
      "backup-unknown",
      "backup-protected",
      "consent-missing",
      "object-locked",
      "store-not-there",
      "store-refused",
      "store-unreachable",
    ],
  });
}

async function remove(
  id: string,
  { dryRun, yes }: Flags,
  command: Command,
  context: Context,
): Promise<void> {
  const settings = repositorySettings(command, context);
  const trust = await readTrust(command, context);
  const { planRemoval, removeBackup } = await import("../../repository/remove.ts");
  const { signal, log } = context;
  const outcomes = await eachRepository(settings, context, async (repository) => {
    const plan = await planRemoval(repository, settings.cluster, id, { trust, signal });
    const where = { repository: repository.store.url };
    tellProblem(plan, context);
    if (dryRun) return log.info(`${plan.removal.name.id} would be removed`, where);
    const question = `remove ${plan.removal.name.id} from ${repository.store.url}`;
    await requireConsent(question, { yes }, context);
    const { removal, shared } = plan;
    const isGone = await removeBackup(repository, removal, { shared, signal });
    if (isGone) log.info(`${removal.name.id} is removed`, where);
    else log.warn(`${removal.name.id} was pinned in the meantime, and stays`, where);
  });
  outcomes.throwFailure();
}

function tellProblem({ problem }: RemovalPlan, { log }: Context): void {
  if (problem !== undefined) log.warn(`it does not count: ${problem.message}`);
}
