import { Command } from "commander";
import type { ListedBackup } from "../../repository/catalog.ts";
import type { Repository } from "../../repository/repository.ts";
import type { Context } from "../context.ts";
import { addHelpSections } from "../help.ts";
import { addAllowedSignersFlag, addSigningKeyFlag, readTrust, requireSign } from "../flags/keys.ts";
import { packageVersion } from "../package-version.ts";
import {
  addConsentFlag,
  addRepositoryFlags,
  eachRepository,
  repositorySettings,
} from "../flags/repository.ts";

const FAILURES = [
  "backup-unknown",
  "store-not-there",
  "store-refused",
  "store-unreachable",
] as const;

/** `holdfast pin`. */
export function pinCommand(context: Context): Command {
  const command = new Command("pin")
    .description(
      "Pins backups: whatever the rules say, they are not removed until they are unpinned. Pins are signed. With " +
        "--allowed-signers only backups whose signature counts can be pinned.",
    )
    .argument("<target...>", "IDs or enough of their beginnings, latest, or times (UTC)")
    .action((targets: string[]) => pin(targets, command, context));
  addRepositoryFlags(command);
  addSigningKeyFlag(command);
  addAllowedSignersFlag(command);
  return addHelpSections(command, {
    examples: [
      {
        what: "Before an upgrade",
        command: "holdfast pin latest --repo s3://backups/etcd --signing-key signing-key",
      },
    ],
    failures: [...FAILURES, "signing-key-unusable"],
  });
}

/** `holdfast unpin`. */
export function unpinCommand(context: Context): Command {
  const command = new Command("unpin")
    .description("Takes the pins of backups away; nothing else about them changes.")
    .argument("<target...>", "IDs or enough of their beginnings, latest, or times (UTC)")
    .action((targets: string[]) => unpin(targets, command, context));
  addRepositoryFlags(command);
  addConsentFlag(command);
  return addHelpSections(command, {
    examples: [
      {
        what: "After the upgrade",
        command:
          "holdfast unpin 20261124T070320Z-l1-r52117-0123456789abcdef --repo s3://backups/etcd",
      },
    ],
    failures: FAILURES,
  });
}

async function pin(targets: readonly string[], command: Command, context: Context): Promise<void> {
  const { signal, log } = context;
  const { loadBackup } = await import("../../repository/catalog.ts");
  const { pinBackup } = await import("../../repository/pins.ts");
  const { requireSigned } = await import("../../repository/trust.ts");
  const sign = await requireSign(command, context);
  const trust = await readTrust(command, context);
  const options = { sign, signal, tool: `holdfast ${packageVersion()}` };
  await eachTarget(targets, command, context, async (repository, name) => {
    const backup = await loadBackup(repository, name, { signal });
    if (trust !== undefined) requireSigned(backup, trust);
    const isNew = await pinBackup(repository, backup, options);
    log.info(`${name.id} ${isNew ? "is pinned" : "was pinned already"}`, at(repository));
  });
}

async function unpin(
  targets: readonly string[],
  command: Command,
  context: Context,
): Promise<void> {
  const { signal, log } = context;
  const { unpinBackup } = await import("../../repository/pins.ts");
  await eachTarget(targets, command, context, async (repository, name) => {
    const wasPinned = await unpinBackup(repository, name, { signal });
    log.info(
      `${name.id} ${wasPinned ? "is not pinned any more" : "was not pinned"}`,
      at(repository),
    );
  });
}

function at({ store }: Repository): { repository: string } {
  return { repository: store.url };
}

/** All targets are found before anything is done to the first. */
async function eachTarget(
  targets: readonly string[],
  command: Command,
  context: Context,
  work: (repository: Repository, name: ListedBackup) => Promise<void>,
): Promise<void> {
  const settings = repositorySettings(command, context);
  const { listBackups } = await import("../../repository/catalog.ts");
  const { requireBackups } = await import("../../repository/clusters.ts");
  const { findBackup } = await import("../../repository/target.ts");
  const outcomes = await eachRepository(settings, context, async (repository) => {
    const listing = await listBackups(repository, settings.cluster, context);
    await requireBackups(repository, listing, context);
    const names = targets.map((target) => findBackup(listing, target));
    for (const name of names) await work(repository, name);
  });
  outcomes.throwFailure();
}
