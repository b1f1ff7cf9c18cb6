import { join } from "node:path";
import { part } from "./parts.ts";
import { output } from "./program.ts";

/** PEM files of one side of a TLS connection. */
export interface TlsFiles {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/**
 * All made for one cluster and signed by its CA, but for those called foreign (another CA).
 * `server*` ones hold for localhost, 127.0.0.1 and ::1, but for `server-other-name` (only etcd.example).
 * `cloud` also holds for the names of Amazon, Google and Azure that drivers use by themselves.
 * The common name of `client-root` is root (etcd takes it for the user), of the other clients "client".
 */
export type CertificateName =
  | "server"
  | "server-expired"
  | "server-other-name"
  | "cloud"
  | "client"
  | "client-root"
  | "client-expired"
  | "foreign-server"
  | "foreign-client";

/** Makes the certificates in an existing folder. */
export async function makeCertificates(folder: string): Promise<void> {
  await output(join(await part("certs"), "certs"), [folder]);
}

/** The files of one certificate, together with the CA that the members trust. */
export function certificate(folder: string, name: CertificateName): TlsFiles {
  return {
    caFile: join(folder, "ca.crt"),
    certFile: join(folder, `${name}.crt`),
    keyFile: join(folder, `${name}.key`),
  };
}
