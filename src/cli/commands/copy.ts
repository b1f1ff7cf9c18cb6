import { Command, Option } from "commander";
import { HoldfastError } from "../../errors.ts";
import type { Copied } from "../../repository/copy.ts";
import type { Repository } from "../../repository/repository.ts";
import type { Trust } from "../../repository/trust.ts";
import type { Context } from "../context.ts";
import { addHelpSections } from "../help.ts";
import { addAllowedSignersFlag, readTrust } from "../flags/keys.ts";
import { count } from "../texts/count.ts";
import { formatOutput, outputOption, type OutputFormat } from "../texts/output.ts";
import {
  addRepositoryFlags,
  openRepositoryAt,
  openStoreAt,
  repositorySettings,
  type OpenFlags,
} from "../flags/repository.ts";
import { humanSize } from "../texts/size.ts";
import { alignColumns } from "../texts/table.ts";
import { addTransferLimits, transferLimits } from "../flags/transfer-limits.ts";

interface Flags {
  readonly to: readonly string[];
  readonly init: boolean;
  readonly output: OutputFormat;
}

/** `holdfast copy`. */
export function copyCommand(context: Context): Command {
  const command = new Command("copy")
    .description(
      "Copies the backups that another repository lacks into it, byte for byte, manifests and signatures included; no key " +
        "is needed. Every object is compared with the digest in its manifest on the way, and a damaged backup is named and " +
        "left out. With --allowed-signers only backups that they signed are copied. Evidence and pins are about one " +
        "repository, and stay there.",
    )
    .addOption(
      new Option("--to <url>", "the repository to copy into; may be repeated")
        .argParser((url: string, before: readonly string[] | undefined) => [...(before ?? []), url])
        .makeOptionMandatory(),
    )
    .option("--init", "make a repository of a place that is none yet", false)
    .addOption(outputOption())
    .action((flags: Flags) => copy(flags, command, context));
  addRepositoryFlags(command);
  addAllowedSignersFlag(command);
  addTransferLimits(command);
  return addHelpSections(command, {
    examples: [
      {
        what: "Off-site, or to catch up what a store missed",
        command: "holdfast copy --repo /var/backups/etcd --to s3://backups/etcd",
      },
      {
        what: "To a disk for the safe, for the first time",
        command: "holdfast copy --repo s3://backups/etcd --to /mnt/disk/etcd --init",
      },
    ],
    failures: [
      "backup-unknown",
      "backup-damaged",
      "store-full",
      "store-not-there",
      "store-refused",
      "store-unreachable",
    ],
  });
}

interface Result extends Copied {
  readonly from: string;
  readonly to: string;
}

async function copy(flags: Flags, command: Command, context: Context): Promise<void> {
  const settings = repositorySettings(command, context);
  const trust = await readTrust(command, context);
  const { strangeCluster } = await import("../../repository/clusters.ts");
  const open: OpenFlags = { limits: await transferLimits(command) };
  const results: Result[] = [];
  const problems: HoldfastError[] = [];
  for (const from of settings.urls) {
    await using source = await openRepositoryAt(from, context, open);
    const problem = await strangeCluster(source, settings.cluster, context);
    if (problem !== undefined) {
      problems.push(problem);
      continue;
    }
    for (const to of flags.to.filter((url) => url !== from)) {
      await using target = await openTarget(to, flags, context, open);
      results.push(...(await copyAll(source, target, settings.cluster, trust, context)));
    }
  }
  // one of several may have missed the first backup of a new cluster
  if (problems.length === settings.urls.length) throw problems[0];
  context.stdout.write(
    await formatOutput(flags.output, results.map(documentOf), () => resultText(results)),
  );
  const bad = results.flatMap(({ problem }) => problem ?? []);
  if (bad[0] === undefined) return;
  const { code, message, hint } = bad[0];
  throw new HoldfastError(code, `backups not copied: ${bad.length}, the first: ${message}`, {
    ...(hint !== undefined && { hint }),
  });
}

async function openTarget(
  url: string,
  { init }: Flags,
  context: Context,
  open: OpenFlags,
): Promise<Repository> {
  try {
    return await openRepositoryAt(url, context, open);
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== "store-not-there") throw error;
    if (!init)
      throw new HoldfastError(error.code, error.message, {
        hint: `${error.hint ?? ""}, or here with --init`,
        cause: error,
      });
  }
  const { initRepository } = await import("../../repository/repository.ts");
  const repository = await initRepository(await openStoreAt(url, context, open), context);
  await repository[Symbol.asyncDispose]();
  return openRepositoryAt(url, context, open);
}

async function copyAll(
  source: Repository,
  target: Repository,
  cluster: string,
  trust: Trust | undefined,
  context: Context,
): Promise<Result[]> {
  const { copyBackups, missingBackups } = await import("../../repository/copy.ts");
  const { isSamePlace, samePlace } = await import("../../repository/same-place.ts");
  const { signal, log } = context;
  if (await isSamePlace(source, target, { cluster, signal })) throw samePlace(source, target);
  const missing = await missingBackups(source, target, cluster, { signal });
  const total = missing.reduce((sum, { data }) => sum + (data?.size ?? 0), 0);
  const results: Result[] = [];
  using bar = context.progress("copying", total);
  const options = { signal, trust, progress: bar.update };
  for await (const copied of copyBackups(source, target, missing, options)) {
    results.push({ ...copied, from: source.store.url, to: target.store.url });
    if (copied.problem !== undefined) log.warn(`not copied: ${copied.problem.message}`);
  }
  return results;
}

function documentOf({ problem, ...copied }: Result): object {
  const { code, message } = problem ?? {};
  return { ...copied, problem: problem === undefined ? null : { code, message } };
}

function resultText(results: readonly Result[]): string {
  const rows = results.map(({ id, bytes, to, problem }) => [
    problem === undefined ? "copied" : "FAILED",
    id,
    humanSize(bytes),
    to,
  ]);
  const good = results.filter(({ problem }) => problem === undefined).length;
  return [...alignColumns(rows, [2]), `${count(good, "backup")} copied`].join("\n");
}
