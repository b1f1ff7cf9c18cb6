import { Command } from "commander";
import type { LoadAllOptions, ListedBackup } from "../../repository/catalog.ts";
import type { LastProven } from "../../repository/evidence.ts";
import type { Described, Overview } from "../../repository/overview.ts";
import type { Repository } from "../../repository/repository.ts";
import { backupDocument } from "../texts/backup-document.ts";
import { cacheDirectory } from "../inputs/cache-directory.ts";
import type { Context } from "../context.ts";
import { addHelpSections } from "../help.ts";
import { addAllowedSignersFlag, readTrust } from "../flags/keys.ts";
import { count } from "../texts/count.ts";
import { formatOutput, outputOption, type OutputFormat } from "../texts/output.ts";
import { addRepositoryFlags, eachRepository, repositorySettings } from "../flags/repository.ts";
import { humanSize } from "../texts/size.ts";
import { alignColumns } from "../texts/table.ts";

interface Flags {
  readonly output: OutputFormat;
  readonly rebuildCache: boolean;
}

/** `holdfast list`. */
export function listCommand(context: Context): Command {
  const command = new Command("list")
    .description(
      "Lists the backups of a cluster, newest first: by lineage, then by revision. As text it reads little more than names, and " +
        "PROVEN is what somebody put on record; as JSON or YAML it is an array of the manifests, with what the evidence " +
        "on each says, and whose signatures they have if --allowed-signers is given.",
    )
    .addOption(outputOption())
    .option(
      "--rebuild-cache",
      "read all manifests from the store again, and not from this machine",
      false,
    )
    .action((flags: Flags) => list(flags, command, context));
  addRepositoryFlags(command);
  addAllowedSignersFlag(command);
  return addHelpSections(command, {
    examples: [
      { what: "What is there", command: "holdfast list --repo /var/backups/etcd --cluster prod" },
      {
        what: "When the newest was proven, and how",
        command: "holdfast list --repo s3://backups/etcd -o json | jq '.[0].verified'",
      },
    ],
    failures: ["store-url", "store-not-there", "store-refused", "store-unreachable"],
  });
}

/** A backup, and where it is. */
interface Row {
  readonly name: ListedBackup;
  readonly onRecord: LastProven | undefined;
  readonly isPinned: boolean;
  /** Only for programs. */
  readonly described: Described | undefined;
  readonly stores: string[];
}

async function list(flags: Flags, command: Command, context: Context): Promise<void> {
  const settings = repositorySettings(command, context);
  const { compareNewestFirst } = await import("../../policy/retention.ts");
  const rows = new Map<string, Row>();
  const reader = await createReader(flags, command, context);
  const outcomes = await eachRepository(settings, context, async (repository) => {
    for (const row of await reader(repository, settings.cluster)) {
      const known = rows.get(row.name.id);
      if (known === undefined) rows.set(row.name.id, row);
      else known.stores.push(...row.stores);
    }
  });
  const ordered = [...rows.values()].toSorted((a, b) => compareNewestFirst(a.name, b.name));
  const document = ordered.map((row) => row.described && backupDocument(row.described, row.stores));
  const text = (): string => tableText(ordered, settings.urls.length, settings.cluster);
  context.stdout.write(await formatOutput(flags.output, document, text));
  outcomes.throwFailure();
}

/** Reads one repository, as deep as the output needs. */
async function createReader(
  { output, rebuildCache }: Flags,
  command: Command,
  context: Context,
): Promise<(repository: Repository, cluster: string) => Promise<Row[]>> {
  const { readOverview, describeBackups, onRecord } = await import("../../repository/overview.ts");
  const { openObjectCache } = await import("../../repository/cache.ts");
  const { signal } = context;
  const trust = await readTrust(command, context);
  const directory = cacheDirectory(context);
  return async (repository, cluster) => {
    const { url } = repository.store;
    const overview = await readOverview(repository, cluster, { signal });
    const cache = directory === undefined ? undefined : openObjectCache(directory, url);
    const { backups } = overview.listing;
    await tellOddities(overview, cache, context);
    if (backups.length === 0) await tellOthers(repository, context);
    const described = new Map<string, Described>();
    const fresh = cache && rebuildCache ? { ...cache, get: () => undefined } : cache;
    const options: LoadAllOptions = { signal, trust, cache: fresh };
    // The newest is read in any case, so that the cache knows of it should it vanish.
    const read = output === "text" ? backups.slice(0, 1) : backups;
    for await (const one of describeBackups(repository, overview, read, options))
      described.set(one.name.id, one);
    return backups.map((name) => ({
      name,
      onRecord: onRecord(overview, name),
      isPinned: overview.pins.has(name.id),
      described: described.get(name.id),
      stores: [url],
    }));
  };
}

/** What is not as it should be, and shows in names alone. */
async function tellOddities(
  { listing }: Overview,
  cache: LoadAllOptions["cache"],
  { log }: Context,
): Promise<void> {
  const { vanishedNewest } = await import("../../repository/catalog.ts");
  const vanished = cache === undefined ? [] : vanishedNewest(listing, cache);
  if (vanished.length > 0)
    log.warn(
      `gone, though seen from here before: ${count(vanished.length, "backup")} newer than all that are listed`,
      { ids: vanished.map(({ id }) => id).join(" "), cache: cache?.directory },
    );
  if (listing.strangers > 0)
    log.warn(
      `among the backups of "${listing.cluster}" not ours: ${count(listing.strangers, "thing")}`,
    );
}

/** A cluster without backups may be new, or its name mistyped. */
async function tellOthers(repository: Repository, { log, signal }: Context): Promise<void> {
  const { clustersOf, clustersText } = await import("../../repository/clusters.ts");
  const clusters = await clustersOf(repository, { signal });
  if (clusters.length > 0) log.warn(clustersText(clusters));
}

function tableText(rows: readonly Row[], stores: number, cluster: string): string {
  if (rows.length === 0) return `There is no backup of the cluster "${cluster}".`;
  const header = ["ID", "REVISION", "SIZE", "PROVEN", "NOTES"];
  return alignColumns([header, ...rows.map((row) => cells(row, stores))], [1, 2]).join("\n");
}

function cells({ name, onRecord, isPinned, stores }: Row, allStores: number): string[] {
  const notes = [
    ...(isPinned ? ["pinned"] : []),
    ...(name.signature === undefined ? ["not signed"] : []),
    ...(allStores > 1 ? [`in ${stores.length} of ${allStores}`] : []),
  ];
  return [
    name.id,
    String(name.revision),
    name.data === undefined ? "?" : humanSize(name.data.size),
    onRecord === undefined ? "never" : `${onRecord.depth} ${dayOf(onRecord.time)}`,
    notes.join(", "),
  ];
}

function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
