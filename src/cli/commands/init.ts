import { Command } from "commander";
import { HoldfastError } from "../../errors.ts";
import type { NewFiles } from "../../io/new-files.ts";
import type { Store } from "../../store/store.ts";
import type { Context } from "../context.ts";
import { addHelpSections } from "../help.ts";
import { formatOutput, outputOption, type OutputFormat } from "../texts/output.ts";
import { addRepositoryFlags, openStoreAt, repositorySettings } from "../flags/repository.ts";

interface Flags {
  readonly out?: string;
  readonly output: OutputFormat;
}

/** `holdfast init`. */
export function initCommand(context: Context): Command {
  const command = new Command("init")
    .description(
      "Makes a repository, and with --out the keys for it: an age identity, its recipient, a signing key, the allowed " +
        "signers, and a recovery kit, one page with everything that is needed to restore without Holdfast. Nothing is ever " +
        "overwritten. Without --out only the repository is made, for keys that you have.",
    )
    .option(
      "--out <dir>",
      "write identity.txt, recipients.txt, signing-key, signing-key.pub, allowed-signers and recovery-kit.md here",
    )
    .addOption(outputOption())
    .action((flags: Flags) => init(flags, command, context));
  addRepositoryFlags(command);
  return addHelpSections(command, {
    examples: [
      {
        what: "In a folder, with new keys",
        command: "holdfast init --repo /var/backups/etcd --cluster prod --out keys",
      },
      {
        what: "In a bucket of a service of your own",
        command:
          "holdfast init --repo 's3://backups/etcd?endpoint=https://s3.example.com' --out keys",
      },
    ],
    failures: [
      "file-exists",
      "repository-exists",
      "store-url",
      "store-refused",
      "store-unreachable",
      "store-misconfigured",
    ],
  });
}

async function init(flags: Flags, command: Command, context: Context): Promise<void> {
  const { urls, cluster } = repositorySettings(command, context);
  await using stores = new AsyncDisposableStack();
  const opened: Store[] = [];
  for (const url of urls) opened.push(stores.use(await openStoreAt(url, context)));
  for (const store of opened) await refuseExisting(store, context);
  await using files =
    flags.out === undefined ? undefined : await writeKeys(flags.out, urls, cluster);
  const { initRepository } = await import("../../repository/repository.ts");
  const repositories: { url: string; id: string }[] = [];
  for (const store of opened) {
    const { id } = await initRepository(store, context);
    // from here on a backup may be sealed to these keys
    files?.keep();
    repositories.push({ url: store.url, id });
  }
  const document = { repositories, cluster, files: files?.paths ?? [] };
  const text = (): string => resultText(urls, flags.out, files);
  context.stdout.write(await formatOutput(flags.output, document, text));
  if (files !== undefined)
    context.log.warn(
      "print recovery-kit.md, take it and identity.txt off this machine, and delete both here: they open every backup, " +
        "and without them no backup can be opened",
    );
}

async function refuseExisting(store: Store, { signal }: Context): Promise<void> {
  const { MARKER_KEY } = await import("../../repository/layout.ts");
  if ((await store.stat(MARKER_KEY, { signal })) !== undefined)
    throw new HoldfastError("repository-exists", `${store.url} is a repository already`);
}

async function writeKeys(
  directory: string,
  urls: readonly string[],
  cluster: string,
): Promise<NewFiles> {
  const { createKeySet } = await import("../../repository/key-set.ts");
  const { createNewFiles } = await import("../../io/new-files.ts");
  return createNewFiles(directory, await createKeySet({ urls, cluster }));
}

const MEANINGS = [
  ["identity.txt", "SECRET: opens every backup. Keep it offline"],
  ["recovery-kit.md", "SECRET: the identity and how to restore. Print it, keep the print safe"],
  ["recipients.txt", "for the machine that backs up: who can open"],
  ["signing-key", "for the machine that backs up: it signs. Keep it from others"],
  ["signing-key.pub", "its public half"],
  ["allowed-signers", "for whoever verifies and restores: whose signatures count"],
] as const;

function resultText(
  urls: readonly string[],
  directory: string | undefined,
  files: NewFiles | undefined,
): string {
  const made = urls.map((url) => `Repository made: ${url}`);
  if (files === undefined) return made.join("\n");
  const rows = MEANINGS.map(([name, meaning]) => `  ${name.padEnd(16)} ${meaning}`);
  return [...made, `Keys in ${directory}:`, ...rows].join("\n");
}
