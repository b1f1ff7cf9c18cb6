/** Why a TLS connection was not made, in sentences. */
import type { X509Certificate } from "node:crypto";
import type { PeerCertificate } from "node:tls";
import { HoldfastError } from "../errors.ts";
import { now } from "../io/clock.ts";

export interface ServerCertificateProblem {
  readonly endpoint: string;
  /** What the certificate should hold for. */
  readonly name: string;
  /** OpenSSL's name for it (CERT_HAS_EXPIRED), or Node's (ERR_TLS_CERT_ALTNAME_INVALID). */
  readonly code: string;
  readonly certificate: PeerCertificate;
}

/** Why the server's certificate is not accepted. */
export function serverCertificateFailure(problem: ServerCertificateProblem): HoldfastError {
  const { endpoint, name, code, certificate } = problem;
  const at = `cannot connect to "${endpoint}": the server's certificate`;
  if (code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID")
    return new HoldfastError("certificate-expired", `${at} ${validity(certificate, code)}`, {
      hint: "renew it on that member (kubeadm: kubeadm certs renew etcd-server), or correct the clock here",
    });
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return new HoldfastError(
      "certificate-name-mismatch",
      `${at} does not hold for "${name}" but for ${namesOf(certificate)}`,
      { hint: "connect by one of these names, or give one with --tls-server-name" },
    );
  const by = oneLine(String(certificate.issuer?.CN ?? certificate.issuer?.O ?? ""));
  return new HoldfastError(
    "certificate-untrusted",
    `${at} was issued by "${by}", which is not a trusted CA (${code})`,
    { hint: "give the CA that issued it with --cacert" },
  );
}

function validity({ valid_from, valid_to }: PeerCertificate, code: string): string {
  if (code === "CERT_NOT_YET_VALID") return `is valid only from ${isoTime(valid_from)} on`;
  const isLeaf = Date.parse(valid_to) < now().getTime();
  return isLeaf ? `expired on ${isoTime(valid_to)}` : "was issued by a CA that has expired";
}

function isoTime(openssl: string): string {
  return new Date(openssl).toISOString().replace(".000", "");
}

function namesOf(certificate: PeerCertificate): string {
  const names = certificate.subjectaltname ?? `CN=${certificate.subject?.CN ?? ""}`;
  return oneLine(names.replaceAll(/(DNS|IP Address|URI):/g, ""));
}

/** What comes from a certificate may be anything. */
function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").slice(0, 200);
}

const ALERT = /SSL alert number (\d+)/;
/** RFC 8446, 6.2: the alerts by which a server speaks of the client's certificate. */
const BAD_CERTIFICATE = 42;
const HANDSHAKE_FAILURE = 40;
const CERTIFICATE_REQUIRED = 116;
const ABOUT_CERTIFICATES = new Set([BAD_CERTIFICATE, 43, 44, 45, 46, 48, 49, CERTIFICATE_REQUIRED]);

/**
 * Why the server broke the connection off, if its last words were about the client certificate (`shown`: the one it
 * saw). `undefined` if they were not.
 */
export function clientCertificateFailure(
  endpoint: string,
  words: string,
  shown: X509Certificate | undefined,
): HoldfastError | undefined {
  const alert = Number(ALERT.exec(words)?.[1]);
  const isMute = alert === HANDSHAKE_FAILURE && shown === undefined;
  if (!ABOUT_CERTIFICATES.has(alert) && !isMute) return undefined;
  if (shown === undefined)
    return new HoldfastError(
      "certificate-required",
      `cannot connect to "${endpoint}": the server wants a client certificate`,
      {
        hint: "give --cert and --key (kubeadm: /etc/kubernetes/pki/etcd/healthcheck-client.crt and .key)",
      },
    );
  const from = shown.validFromDate.getTime();
  const to = shown.validToDate.getTime();
  if (to < now().getTime() || from > now().getTime()) return clientExpired(endpoint, shown);
  return new HoldfastError(
    "certificate-refused",
    `cannot connect to "${endpoint}": the server does not accept the client certificate of "${subject(shown)}", issued by "${issuer(shown)}" (${alertText(words)})`,
    {
      hint: "give a client certificate that was issued by the CA that the members trust (--trusted-ca-file)",
    },
  );
}

function clientExpired(endpoint: string, shown: X509Certificate): HoldfastError {
  const words =
    shown.validToDate.getTime() < now().getTime()
      ? `expired on ${isoTime(shown.validTo)}`
      : `is valid only from ${isoTime(shown.validFrom)} on`;
  return new HoldfastError(
    "certificate-expired",
    `cannot connect to "${endpoint}": the client certificate of "${subject(shown)}" ${words}`,
    { hint: "renew the files that --cert and --key name, or correct the clock here" },
  );
}

function subject(certificate: X509Certificate): string {
  return oneLine(certificate.subject);
}

function issuer(certificate: X509Certificate): string {
  return oneLine(certificate.issuer);
}

function alertText(words: string): string {
  return /alert ([a-z ]+)/.exec(words)?.[1] ?? "TLS alert";
}
