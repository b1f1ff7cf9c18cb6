/** The PEM files of a TLS connection, read anew for every connection so that rotated ones are used at once. */
import { X509Certificate, createPrivateKey } from "node:crypto";
import { createSecureContext, getCACertificates, type SecureContext } from "node:tls";
import { HoldfastError } from "../errors.ts";
import { unlessAborted } from "../io/patience.ts";
import { isPipe } from "../io/pipe.ts";
import { readSmallFile } from "../io/small-file.ts";
import { systemWords } from "../io/system-error.ts";

export interface TlsSettings {
  /** PEM certificates that the server's has to be issued by; those of the system when left out. */
  readonly caFile?: string | undefined;
  /** The client certificate, and those between it and its CA. Together with its key, or not at all. */
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  /** The name that the server's certificate has to hold for, instead of the endpoint's host. */
  readonly serverName?: string | undefined;
  /** Takes any server certificate at all. */
  readonly skipVerify?: boolean | undefined;
}

export interface TlsMaterial {
  readonly context: SecureContext;
  readonly clientCertificate: X509Certificate | undefined;
}

/** Reads and checks the files. Throws "certificate-unusable", naming the file, or the reason of `signal`. */
export async function readTlsFiles(
  settings: TlsSettings,
  signal?: AbortSignal,
): Promise<TlsMaterial> {
  const { caFile, certFile, keyFile } = settings;
  if ((certFile === undefined) !== (keyFile === undefined))
    throw new HoldfastError(
      "certificate-unusable",
      `cannot use a client certificate: --${certFile === undefined ? "cert" : "key"} is missing`,
      { hint: "give --cert and --key together" },
    );
  const ca = caFile === undefined ? systemRoots() : await readAuthorities(caFile, signal);
  const client =
    certFile === undefined || keyFile === undefined
      ? undefined
      : await readClientCertificate(certFile, keyFile, signal);
  return {
    context: createSecureContext({
      ca,
      ...(client && { cert: client.pem, key: client.keyPem }),
    }),
    clientCertificate: client?.certificate,
  };
}

/** As etcd's tools do, the system's; where there are none, those that Node brings along. */
function systemRoots(): string[] {
  const system = getCACertificates("system");
  return system.length > 0 ? system : getCACertificates("default");
}

async function readAuthorities(path: string, signal?: AbortSignal): Promise<string[]> {
  const blocks = certificateBlocks((await readPem("CA certificate", path, signal)).toString());
  if (blocks.length === 0) throw unusable("CA certificate", path, "it holds no PEM certificate");
  for (const block of blocks) parse("CA certificate", path, () => new X509Certificate(block));
  return blocks;
}

async function readClientCertificate(certFile: string, keyFile: string, signal?: AbortSignal) {
  const pem = await readPem("client certificate", certFile, signal);
  if (certificateBlocks(pem.toString()).length === 0)
    throw unusable("client certificate", certFile, "it holds no PEM certificate");
  const certificate = parse("client certificate", certFile, () => new X509Certificate(pem));
  const keyPem = await readPem("client key", keyFile, signal);
  if (/BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED/.test(keyPem.toString()))
    throw unusable("client key", keyFile, "it is locked by a passphrase");
  const key = parse("client key", keyFile, () => createPrivateKey(keyPem));
  if (!certificate.checkPrivateKey(key))
    throw unusable("client key", keyFile, `it does not belong to the certificate "${certFile}"`);
  return { pem, keyPem, certificate };
}

async function readPem(what: string, path: string, signal?: AbortSignal): Promise<Buffer> {
  try {
    return Buffer.from(await readAgain(path, signal));
  } catch (error) {
    signal?.throwIfAborted();
    throw new HoldfastError(
      "certificate-unusable",
      `cannot read the ${what} "${path}": ${systemWords(error)}`,
      { hint: "check the path, and that this user may read it", cause: error },
    );
  }
}

/** What pipes gave, as those that a shell makes of `<(command)`: they can be read once, and every connection wants it. */
const fromPipes = new Map<string, Promise<Uint8Array>>();

async function readAgain(path: string, signal?: AbortSignal): Promise<Uint8Array> {
  if (!fromPipes.has(path) && !(await isPipe(path))) return readSmallFile(path, signal);
  let reading = fromPipes.get(path);
  if (reading === undefined) {
    fromPipes.set(path, (reading = readSmallFile(path, signal)));
    reading.catch(() => fromPipes.delete(path));
  }
  return signal === undefined ? reading : unlessAborted(reading, signal);
}

function parse<T>(what: string, path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw unusable(what, path, `it is not PEM as expected (${(error as Error).message})`, error);
  }
}

function certificateBlocks(pem: string): string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}

function unusable(what: string, path: string, reason: string, cause?: unknown): HoldfastError {
  return new HoldfastError("certificate-unusable", `cannot use the ${what} "${path}": ${reason}`, {
    hint: `look at it with: openssl ${what === "client key" ? "pkey" : "x509"} -noout -text -in ${path}`,
    cause,
  });
}
