import { Command } from "commander";
import { unlessAborted } from "../../io/patience.ts";
import type { Context } from "../context.ts";
import { addHelpSections } from "../help.ts";
import { readIdentities } from "../flags/keys.ts";
import { addOpenFlags, openBackup, OPEN_FAILURES } from "../inputs/open-backup.ts";
import { snapshotOutput } from "../terminal/snapshot-output.ts";

/** `holdfast cat`. */
export function catCommand(context: Context): Command {
  const command = new Command("cat")
    .description(
      "Writes the plain snapshot of a backup to standard output, as etcd sent it. Its signature is checked before the first " +
        "byte; that the bytes are those that were published is known only at the end: trust them only if the exit status is 0.",
    )
    .argument("<target>", "an ID or enough of its beginning, latest, or a time (UTC)")
    .action((target: string) => cat(target, command, context));
  addOpenFlags(command);
  return addHelpSections(command, {
    examples: [
      {
        what: "To a file, for etcdutl",
        command:
          "holdfast cat latest --repo /var/backups/etcd --identity identity.txt --allowed-signers allowed-signers > snapshot.db",
      },
      {
        what: "What is in it, without a file",
        command:
          "holdfast cat 20261124T070320Z --repo s3://backups/etcd --identity identity.txt --allowed-signers allowed-signers | holdfast inspect -",
      },
    ],
    failures: OPEN_FAILURES,
  });
}

async function cat(target: string, command: Command, context: Context): Promise<void> {
  const { signal } = context;
  const output = snapshotOutput(context);
  const identities = await readIdentities(command, context);
  await using found = await openBackup(target, command, context);
  const { readContents } = await import("../../repository/contents.ts");
  const { parallelReads } = await import("../../store/parallel.ts");
  const { repository, backup } = found;
  const { manifest } = backup;
  const far = { ...repository, store: parallelReads(repository.store) };
  using bar = context.progress("reading", manifest.snapshot.size);
  let bytes = 0;
  for await (const piece of readContents(far, manifest, { identities, signal })) {
    await unlessAborted(output.write(piece, bytes), signal);
    bar.update((bytes += piece.length));
  }
}
