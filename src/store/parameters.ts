/** What may stand behind the ? of a store's URL, one table for all drivers. */
import type { Scheme } from "./store.ts";

/** A parameter: its name in camelCase, what it means, what it takes. */
export interface Parameter {
  readonly name: string;
  /** One line for the documentation and for messages. */
  readonly meaning: string;
  /** A list of words, or the form of the value. */
  readonly values: readonly string[] | "boolean" | "url" | "file" | "count" | "text";
}

const ENDPOINT: Parameter = {
  name: "endpoint",
  meaning: "address of the service, where it is not the cloud's own",
  values: "url",
};
const CA_FILE: Parameter = {
  name: "caFile",
  meaning: "PEM file with the certificate authority that the service's certificate comes from",
  values: "file",
};
const PROXY: Parameter = {
  name: "proxy",
  meaning: "HTTP proxy on the way; a password for it belongs into HTTPS_PROXY",
  values: "url",
};
const STORAGE_CLASS: Parameter = {
  name: "storageClass",
  meaning: "storage class of new objects, in the service's own words",
  values: "text",
};

const SSH: readonly Parameter[] = [
  { name: "identityFile", meaning: "private key to log in with", values: "file" },
  { name: "passphraseFile", meaning: "file with the passphrase of that key", values: "file" },
  { name: "knownHosts", meaning: "known_hosts file that holds the server's key", values: "file" },
];

export const PARAMETERS: Readonly<Record<Scheme, readonly Parameter[]>> = {
  file: [],
  s3: [
    ENDPOINT,
    { name: "region", meaning: "region of the bucket", values: "text" },
    {
      name: "pathStyle",
      meaning: "bucket in the path instead of the host name",
      values: "boolean",
    },
    { name: "profile", meaning: "profile of the shared configuration files", values: "text" },
    CA_FILE,
    PROXY,
    STORAGE_CLASS,
    {
      name: "sse",
      meaning: "encryption by the service: with its keys, with KMS, or with a key of yours",
      values: ["AES256", "aws:kms", "customer"],
    },
    { name: "sseKmsKeyId", meaning: "key of KMS, with sse=aws:kms", values: "text" },
    {
      name: "sseCustomerKeyFile",
      meaning: "file with the 32 bytes of your key, with sse=customer",
      values: "file",
    },
    {
      name: "lockMode",
      meaning: "object lock of new objects",
      values: ["governance", "compliance"],
    },
    { name: "lockDays", meaning: "days for which new objects are locked", values: "count" },
  ],
  gs: [ENDPOINT, CA_FILE, PROXY, STORAGE_CLASS],
  azblob: [
    ENDPOINT,
    CA_FILE,
    PROXY,
    // the SDK throws at other words, and what is archived cannot be read back
    { ...STORAGE_CLASS, values: ["Hot", "Cool", "Cold"] },
  ],
  sftp: SSH,
  rsync: [
    { name: "passwordFile", meaning: "file with the password of the module", values: "file" },
    { name: "spoolDir", meaning: "folder in which objects wait for rsync", values: "file" },
  ],
  "rsync+ssh": [
    ...SSH,
    { name: "spoolDir", meaning: "folder in which objects wait for rsync", values: "file" },
  ],
};
