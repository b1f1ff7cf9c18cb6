/** How a store is read with the tools that come with it: for people who have nothing else. */
import { shellWord } from "../format/shell-word.ts";
import { parseLocation } from "../store/location.ts";
import type { Scheme, StoreLocation } from "../store/store.ts";

export interface FetchCommands {
  /** What has to be known to read the store, and where it is looked for. Never a secret itself. */
  readonly credentials: string;
  /** The tool that the commands need, in words. */
  readonly tools: string;
  /**
   * Lines for a POSIX shell: `names` lists the files in the folder of backups, `fetch KEY` copies an object into the
   * current folder.
   */
  setUp(cluster: string): string[];
}

type Make = (location: StoreLocation) => FetchCommands;

/** @param url of a store, as `parseLocation` takes it */
export function fetchCommands(url: string): FetchCommands {
  const location = parseLocation(url, {});
  return COMMANDS[location.scheme](location);
}

const COMMANDS: Readonly<Record<Scheme, Make>> = {
  file: ({ path }) => ({
    credentials: "the disk, mounted, and a user who may read it",
    tools: "`cp`",
    setUp: (cluster) => [
      `names() { ls ${shellWord(`${path}/${cluster}/backups`)}; }`,
      `fetch() { cp ${shellWord(`${path}/`)}"$1" .; }`,
    ],
  }),
  s3: ({ host, path, parameters }) => {
    const root = `s3://${joined(host, path)}`;
    const flag = (name: string, parameter: string): string =>
      parameters.has(parameter) ? ` ${name} ${shellWord(parameters.get(parameter)!)}` : "";
    const flags =
      flag("--endpoint-url", "endpoint") +
      flag("--region", "region") +
      flag("--ca-bundle", "caFile") +
      flag("--profile", "profile");
    return {
      credentials: "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or a profile) that may read it",
      tools: "`aws`",
      setUp: (cluster) => [
        `names() { aws s3 ls${flags} ${shellWord(`${root}/${cluster}/backups/`)} | awk '{print $4}'; }`,
        `fetch() { aws s3 cp${flags} ${shellWord(`${root}/`)}"$1" .; }`,
      ],
    };
  },
  gs: ({ host, path }) => {
    const root = `gs://${joined(host, path)}`;
    return {
      credentials: "an account that may read the bucket (`gcloud auth login`)",
      tools: "`gcloud`",
      setUp: (cluster) => [
        `names() { gcloud storage ls ${shellWord(`${root}/${cluster}/backups/`)} | sed 's|.*/||'; }`,
        `fetch() { gcloud storage cp ${shellWord(`${root}/`)}"$1" .; }`,
      ],
    };
  },
  azblob: ({ host, path }) => {
    const [container = "", ...prefix] = path.split("/");
    const account = `--account-name ${shellWord(host)} --container-name ${shellWord(container)}`;
    return {
      credentials: "AZURE_STORAGE_KEY, or AZURE_STORAGE_SAS_TOKEN, or `az login`",
      tools: "`az`",
      setUp: (cluster) => [
        `names() { az storage blob list ${account} --prefix ${shellWord(joined(...prefix, cluster, "backups") + "/")} --num-results '*' --query '[].name' -o tsv | sed 's|.*/||'; }`,
        `fetch() { az storage blob download ${account} --name ${shellWord(prefix.map((part) => `${part}/`).join(""))}"$1" --file "\${1##*/}"; }`,
      ],
    };
  },
  sftp: (location) => sshCommands(location),
  "rsync+ssh": (location) => sshCommands(location),
  rsync: ({ host, user, port, path }) => {
    const at = user === undefined ? host : `${user}@${host}`;
    const root = `rsync://${at}${port === undefined ? "" : `:${port}`}/${path}`;
    return {
      credentials: "RSYNC_PASSWORD, where the module wants one",
      tools: "`rsync`",
      setUp: (cluster) => [
        `names() { rsync --list-only ${shellWord(`${root}/${cluster}/backups/`)} | awk '{print $5}'; }`,
        `fetch() { rsync ${shellWord(`${root}/`)}"$1" .; }`,
      ],
    };
  },
};

function sshCommands({ host, user, port, path }: StoreLocation): FetchCommands {
  const at = user === undefined ? host : `${user}@${host}`;
  const flag = port === undefined ? "" : ` -P ${port}`;
  return {
    credentials: `an SSH key with which one may log in to ${at}`,
    tools: "`sftp`",
    setUp: (cluster) => [
      `names() { echo ${shellWord(`ls -1 "/${path}/${cluster}/backups"`)} | sftp -q -b -${flag} ${shellWord(at)} | sed 's|.*/||'; }`,
      `fetch() { sftp -q${flag} ${shellWord(`${at}:/${path}/`)}"$1" .; }`,
    ],
  };
}

function joined(...parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join("/");
}
