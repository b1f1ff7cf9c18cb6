/**
 * The recovery kit: one page with everything that is needed to bring a cluster back, with Holdfast or with stock tools
 * alone. It holds the identity, so it is a secret. It names the credentials of the stores, and does not hold them.
 */
import { shellWord } from "../format/shell-word.ts";
import { fetchCommands, type FetchCommands } from "./fetch-commands.ts";

export interface KitPlace {
  /** As they were given to `init`: no secrets can be in them. At least one. */
  readonly urls: readonly string[];
  readonly cluster: string;
}

export interface KitKeys {
  /** An age identity file. */
  readonly identity: string;
  /** One line. */
  readonly allowedSigners: string;
  readonly principal: string;
  readonly created: string;
}

/** The text of `recovery-kit.md`. A test follows it to the letter. */
export function kitText({ urls, cluster }: KitPlace, keys: KitKeys): string {
  const [url] = urls as readonly [string, ...string[]];
  const commands = fetchCommands(url);
  return [
    ...heading(cluster, keys.created),
    ...whereabouts(urls, cluster),
    ...keyBlocks(keys),
    ...withHoldfast(url, cluster),
    ...withStockTools(commands, cluster, keys.principal),
  ].join("\n");
}

function heading(cluster: string, created: string): string[] {
  return [
    `# Recovery kit of the cluster "${cluster}"`,
    "",
    `**This page is a secret: it opens every backup.** Made ${created}. Print it, keep the print and \`identity.txt\` in a`,
    "safe place away from the cluster, and delete both from the machine on which they were made. Without the identity no",
    "backup can ever be opened again, by nobody.",
    "",
  ];
}

function whereabouts(urls: readonly string[], cluster: string): string[] {
  return [
    "## What is where",
    "",
    ...urls.flatMap((url) => [
      `- Repository: \`${url}\``,
      `  - to read it: ${fetchCommands(url).credentials}`,
    ]),
    `- Cluster: \`${cluster}\`: its backups lie in \`${cluster}/backups/\` of the repository.`,
    "- A backup is a file `TIME-RANDOM.db.zst.age` (the snapshot of etcd, compressed with zstd, sealed with age) and a",
    "  manifest `TIME-lLINEAGE-rREVISION-RANDOM.json` with its signature `.sig`. The newest has the highest lineage, and",
    "  among those the highest revision; times decide nothing.",
    "- Not in here: credentials of the store, certificates of etcd and Kubernetes, encryption-at-rest keys of Kubernetes.",
    "",
  ];
}

function keyBlocks({ identity, allowedSigners }: KitKeys): string[] {
  return [
    "## The keys",
    "",
    "```sh",
    "umask 077",
    "cat > identity.txt <<'END'",
    identity.trimEnd(),
    "END",
    "cat > allowed-signers <<'END'",
    allowedSigners,
    "END",
    "```",
    "",
  ];
}

function withHoldfast(url: string, cluster: string): string[] {
  return [
    "## With Holdfast",
    "",
    "```text",
    `holdfast restore latest --repo ${shellWord(url)} --cluster ${cluster} \\`,
    "  --identity identity.txt --allowed-signers allowed-signers --data-dir /var/lib/etcd",
    "```",
    "",
    "It shows its plan and asks before it changes anything; `--dry-run` only shows it.",
    "",
  ];
}

function withStockTools(
  { setUp, tools }: FetchCommands,
  cluster: string,
  principal: string,
): string[] {
  return [
    "## Without Holdfast",
    "",
    `With ${tools}, \`ssh-keygen\` (OpenSSH 8.2 or later), \`sha256sum\`, \`age\`, \`zstd\` and \`etcdutl\`, in an empty folder:`,
    "",
    "```sh",
    ...setUp(cluster),
    "",
    "# the newest backup, and whether it was made with our signing key",
    "ID=$(names | sed -n 's/\\.json$//p' | sort -t - -k 2.2,2n -k 3.2,3n | tail -n 1)",
    `fetch "${cluster}/backups/$ID.json"`,
    `fetch "${cluster}/backups/$ID.json.sig"`,
    `ssh-keygen -Y verify -f allowed-signers -I ${principal} -n holdfast -s "$ID.json.sig" < "$ID.json"`,
    "",
    "# its snapshot, and whether that is the one which the manifest names",
    'field() { grep -A 3 \'"role": "snapshot"\' "$ID.json" | sed -n "s/.*\\"$1\\": \\"\\([^\\"]*\\)\\".*/\\1/p"; }',
    "KEY=$(field key)",
    'fetch "$KEY"',
    'echo "$(field sha256)  ${KEY##*/}" | sha256sum -c',
    "",
    'age -d -i identity.txt "${KEY##*/}" | zstd -d > snapshot.db',
    "etcdutl snapshot status snapshot.db",
    "```",
    "",
    "If the signature is not good, do not restore this backup: take the one before it, and find out who can write to the",
    "repository. The members of the lost cluster, with their names and peer URLs, are in the manifest. A new cluster of one",
    "member is made so; for several, name all of them in `--initial-cluster`, and run it once for each with its own name:",
    "",
    "```sh",
    'NAME=$(sed -n \'/"members"/,$s/.*"name": "\\(.*\\)".*/\\1/p\' "$ID.json" | head -n 1)',
    'PEER=$(sed -n \'/"peerURLs"/{n;s/[ ",]*//gp;q;}\' "$ID.json")',
    'etcdutl snapshot restore snapshot.db --data-dir "restored-$NAME" --name "$NAME" \\',
    '  --initial-cluster "$NAME=$PEER" --initial-advertise-peer-urls "$PEER" \\',
    '  --initial-cluster-token "restored-$ID" --bump-revision 1000000000 --mark-compacted',
    "```",
    "",
    "Move the folder to where etcd looks for its data (keep what is there), give it to etcd's user, and start all members",
    "together, etcd first, then the API servers. No member of the old cluster may still run.",
    "",
  ];
}
