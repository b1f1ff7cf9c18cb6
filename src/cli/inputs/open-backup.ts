/** What `restore`, `cat` and others that open one backup have in common. */
import type { Command } from "commander";
import { HoldfastError } from "../../errors.ts";
import type { Trust } from "../../repository/trust.ts";
import type { FoundBackup } from "../../restore/find-backup.ts";
import type { Context } from "../context.ts";
import { addAllowedSignersFlag, addIdentityFlag, readTrust } from "../flags/keys.ts";
import { openRepositories } from "./open-repositories.ts";
import { addRepositoryFlags, repositorySettings } from "../flags/repository.ts";
import { addTransferLimits, transferLimits } from "../flags/transfer-limits.ts";

/** Flags for finding, trusting and opening a backup. */
export function addOpenFlags(command: Command): Command {
  addRepositoryFlags(command);
  addIdentityFlag(command);
  addAllowedSignersFlag(command);
  command.option(
    "--skip-signature-check",
    "take a backup that is not signed, or by whom nobody here knows: anybody may have made it",
    false,
  );
  return addTransferLimits(command);
}

/** Codes of what may be wrong with finding, trusting and opening a backup. */
export const OPEN_FAILURES = [
  "backup-unknown",
  "backup-damaged",
  "packed-damaged",
  "sealed-damaged",
  "signature-missing",
  "signature-invalid",
  "signer-unknown",
  "no-identity-matches",
  "identity-unusable",
  "allowed-signers-unusable",
  "store-not-there",
  "store-refused",
  "store-unreachable",
] as const;

/** Whose signatures count; undefined only where somebody asked for that. Throws "usage" where nothing is said. */
async function trustOf(command: Command, context: Context): Promise<Trust | undefined> {
  if (command.opts<{ skipSignatureCheck: boolean }>().skipSignatureCheck) {
    context.log.warn("--skip-signature-check: whoever can write to the store may have made this");
    return undefined;
  }
  const trust = await readTrust(command, context);
  if (trust !== undefined) return trust;
  throw new HoldfastError("usage", "nothing says whose backups may be restored", {
    hint: "give --allowed-signers FILE or HOLDFAST_ALLOWED_SIGNERS; or, on a bad day, --skip-signature-check",
  });
}

export interface OpenBackup extends FoundBackup, AsyncDisposable {
  readonly trust: Trust | undefined;
}

/** Finds the backup in the repositories of the command line, which stay open until this is disposed of. */
export async function openBackup(
  target: string,
  command: Command,
  context: Context,
): Promise<OpenBackup> {
  const { urls, cluster } = repositorySettings(command, context);
  const trust = await trustOf(command, context);
  const { findBackupToOpen } = await import("../../restore/find-backup.ts");
  await using stack = new AsyncDisposableStack();
  const open = { limits: await transferLimits(command) };
  const opened = await openRepositories({ urls, cluster, required: 1 }, context, open);
  const { repositories } = stack.use(opened);
  const found = await findBackupToOpen(repositories, cluster, target, { ...context, trust });
  const kept = stack.move();
  return { ...found, trust, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}
