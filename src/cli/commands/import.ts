import { Command, InvalidArgumentError, Option } from "commander";
import { HoldfastError } from "../../errors.ts";
import type { Imported, SnapshotFile } from "../../backup/import.ts";
import { now } from "../../io/clock.ts";
import { statStoredFile } from "../../io/stored-file.ts";
import { timeInName } from "../../policy/name-time.ts";
import { parseTime } from "../../repository/target.ts";
import { acceptFindingOption } from "../flags/accept-finding.ts";
import type { Context, Progress } from "../context.ts";
import { addHelpSections } from "../help.ts";
import {
  addAllowedSignersFlag,
  addSealFlags,
  addSigningKeyFlag,
  readRecipients,
  readTrust,
  requireSign,
} from "../flags/keys.ts";
import { openDifferentRepositories } from "../inputs/open-repositories.ts";
import { formatOutput, outputOption, type OutputFormat } from "../texts/output.ts";
import { packageVersion } from "../package-version.ts";
import { publishedText, tellMissing } from "../texts/published.ts";
import { addRepositoryFlags, addRequiredFlag, repositorySettings } from "../flags/repository.ts";
import { openSnapshot, snapshotName } from "../inputs/snapshot-file.ts";
import { addTransferLimits, transferLimits } from "../flags/transfer-limits.ts";

interface Flags {
  readonly output: OutputFormat;
  readonly time?: number;
  readonly acceptFinding: readonly string[];
}

/** `holdfast import`. */
export function importCommand(context: Context): Command {
  const command = new Command("import")
    .description(
      "Makes backups of snapshots that other tools took, as files of etcdctl or copies of a member's db file. They are " +
        "inspected like any other, and marked as imported. When each was taken is said by --time, else by a stamp in the " +
        "name of the file (UTC), else by the time of the file. A snapshot that is there already is left out.",
    )
    .argument("<file...>", "snapshots; - for standard input")
    .addOption(
      new Option("--time <time>", "when the snapshot was taken; for one file").argParser(
        timeArgument,
      ),
    )
    .addOption(acceptFindingOption())
    .addOption(outputOption())
    .action((paths: string[], flags: Flags) => importFiles(paths, flags, command, context));
  addRepositoryFlags(command);
  addRequiredFlag(command);
  addSealFlags(command);
  addSigningKeyFlag(command);
  addAllowedSignersFlag(command);
  addTransferLimits(command);
  return addHelpSections(command, {
    examples: [
      {
        what: "What a cron script has collected",
        command:
          "holdfast import /var/backups/etcd-*.db --repo s3://backups/etcd --recipients-file recipients.txt --signing-key signing-key",
      },
      {
        what: "A compressed one, with its time",
        command: "zstd -dc old.db.zst | holdfast import - --time 2026-11-24T07:03",
      },
    ],
    failures: [
      "snapshot-damaged",
      "recipients-unusable",
      "signing-key-unusable",
      "store-not-there",
      "store-full",
      "store-refused",
      "store-unreachable",
      "too-few-stores",
    ],
  });
}

function timeArgument(text: string): number {
  const time = parseTime(text);
  if (time !== undefined) return time;
  throw new InvalidArgumentError("Want a time like 2026-11-24T07:03:20Z.");
}

async function importFiles(
  paths: readonly string[],
  flags: Flags,
  command: Command,
  context: Context,
): Promise<void> {
  if (flags.time !== undefined && paths.length > 1)
    throw new HoldfastError("usage", `--time is for one snapshot, and ${paths.length} are given`);
  const settings = repositorySettings(command, context);
  const keys = {
    recipients: await readRecipients(command, context),
    sign: await requireSign(command, context),
    trust: await readTrust(command, context),
  };
  const files: SnapshotFile[] = [];
  for (const path of paths) files.push(await snapshotFile(path, flags, context));
  const { importSnapshots } = await import("../../backup/import.ts");
  const open = { limits: await transferLimits(command) };
  await using opened = await openDifferentRepositories(settings, context, open);
  const results: Imported[] = [];
  let bar: Progress | undefined;
  const options = {
    ...settings,
    ...keys,
    accept: flags.acceptFinding,
    tool: `holdfast ${packageVersion()}`,
    signal: context.signal,
    log: context.log,
    progress: (bytes: number, total: number | undefined) =>
      (bar ??= context.progress("importing", total)).update(bytes),
  };
  for await (const result of importSnapshots(files, opened.repositories, options)) {
    bar?.[Symbol.dispose]();
    bar = undefined;
    results.push(result);
    if (flags.output === "text") context.stdout.write(`${resultText(result)}\n`);
    if (result.published !== undefined) tellMissing(result.published, opened.missing, context);
  }
  if (flags.output !== "text") {
    const manifests = results.flatMap(({ published }) => published?.manifest ?? []);
    context.stdout.write(await formatOutput(flags.output, manifests, () => ""));
  }
  throwProblem(results);
}

async function snapshotFile(
  path: string,
  { time }: Flags,
  context: Context,
): Promise<SnapshotFile> {
  const named = time ?? (path === "-" ? undefined : timeInName(path));
  const modified = path === "-" ? undefined : (await statStoredFile(path))?.modifiedMs;
  return {
    path,
    timeMs: named ?? modified ?? now().getTime(),
    isTimeKnown: named !== undefined,
    open: () => openSnapshot(path, context),
  };
}

function resultText({ path, published, known, problem }: Imported): string {
  if (published !== undefined) return `${publishedText(published)}\n  from ${path}`;
  if (known !== undefined) return `${path} is there already: ${known}`;
  return `${path} is NOT imported: ${problem?.message}`;
}

function throwProblem(results: readonly Imported[]): void {
  const bad = results.filter(({ problem }) => problem !== undefined);
  const [first] = bad;
  if (first?.problem === undefined) return;
  const { code, message, hint } = first.problem;
  const what =
    bad.length === 1
      ? `${snapshotName(first.path)} is not imported`
      : `${bad.length} files are not imported, the first ${snapshotName(first.path)}`;
  throw new HoldfastError(code, `${what}: ${message}`, hint === undefined ? {} : { hint });
}
