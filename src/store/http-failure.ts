/** What goes wrong on the way to a cloud, and what the status of an answer means where the service says no more. */
import { StoreFailure } from "./failure.ts";

const TLS_SENTENCES: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "the service's certificate has expired, or the clock of this machine is wrong",
  CERT_NOT_YET_VALID:
    "the service's certificate is not valid yet, or the clock of this machine is wrong",
  ERR_TLS_CERT_ALTNAME_INVALID: "the service's certificate is for another name",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the service's certificate is signed by itself",
  SELF_SIGNED_CERT_IN_CHAIN: "the service's certificate comes from an unknown authority",
  UNABLE_TO_GET_ISSUER_CERT: "the service's certificate comes from an unknown authority",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the service's certificate comes from an unknown authority",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the service's certificate comes from an unknown authority",
};

const NETWORK_SENTENCES: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nobody listens there",
  ECONNRESET: "the connection was reset",
  EPIPE: "the connection was closed while bytes were sent",
  ETIMEDOUT: "no answer in time",
  EHOSTUNREACH: "there is no way to that host",
  ENETUNREACH: "there is no way to that network",
  ENETDOWN: "the network is down",
  EAI_AGAIN: "the name could not be looked up",
  ENOTFOUND: "there is no such host name",
  ERR_STREAM_PREMATURE_CLOSE: "the connection was closed too early",
  ECONNABORTED: "the connection was broken off",
};

/** A failure below HTTP as one of ours; undefined for what is none. */
export function explainConnection(what: string, error: unknown): StoreFailure | undefined {
  const found = telling(error);
  if (found === undefined) return undefined;
  const { code } = found;
  if (code === "ERR_PROXY_TUNNEL") return explainTunnel(what, error as Error);
  const tls = TLS_SENTENCES[code];
  if (tls !== undefined) {
    const hint = "give the certificate authority with caFile=, or correct the name or the clock";
    return new StoreFailure("store-misconfigured", `${what}: ${tls} (${code})`, {
      hint,
      cause: error,
    });
  }
  if (code === "EPROTO" || code.startsWith("ERR_SSL")) {
    const hint = "write http:// for an endpoint without TLS";
    const message = `${what}: the service does not speak TLS (${code})`;
    return new StoreFailure("store-misconfigured", message, { hint, cause: error });
  }
  const network =
    NETWORK_SENTENCES[code] ?? (code.startsWith("HPE_") ? "no proper HTTP came back" : undefined);
  if (network === undefined) return undefined;
  const message = `${what}: ${network} (${[code, ...placeOf(found)].join(" ")})`;
  return new StoreFailure("store-unreachable", message, { transient: true, cause: error });
}

/** The error is not kept: it has the proxy's URL, and with it maybe a password. */
function explainTunnel(what: string, { message }: Error): StoreFailure {
  const status = Number(/HTTP\/\d\.\d (\d{3})/.exec(message)?.[1]);
  return status >= 500 || Number.isNaN(status)
    ? new StoreFailure("store-unreachable", `${what}: the proxy cannot get there (${status})`, {
        transient: true,
      })
    : refusedByProxy(what, status);
}

function refusedByProxy(what: string, status: number): StoreFailure {
  return new StoreFailure("store-misconfigured", `${what}: the proxy refuses (status ${status})`, {
    hint: "check proxy=, and give its user and password with HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT",
  });
}

/** Failures of a service that pass: it is overloaded or has trouble of its own, and a proxy's; undefined for all others. */
export function explainTrouble(
  what: string,
  status: number | undefined,
  words: string,
  retryAfter: string | undefined,
): StoreFailure | undefined {
  const retryAfterMs = retryAfter === undefined ? NaN : Number(retryAfter) * 1000;
  const options = { transient: true, ...(retryAfterMs >= 0 && { retryAfterMs }) };
  if (status === 407) return refusedByProxy(what, status);
  if (status === 429) return new StoreFailure("store-throttled", `${what}: ${words}`, options);
  if (status === 408 || (status !== undefined && status >= 500 && status !== 501 && status !== 507))
    return new StoreFailure("store-unreachable", `${what}: ${words} (status ${status})`, options);
  if (status === 507) return new StoreFailure("store-full", `${what}: ${words}`);
  return undefined;
}

interface SystemError extends Error {
  readonly code: string;
  readonly address?: string;
  readonly port?: number;
  readonly hostname?: string;
}

/** Where it happened, which is not the service where a proxy stands before it. */
function placeOf({ address, port, hostname }: SystemError): string[] {
  if (address !== undefined && port !== undefined) return [`${address}:${port}`];
  return hostname === undefined ? [] : [hostname];
}

/** The first with a code that tells something, on the way down to the cause of an error; of several errors the first. */
function telling(error: unknown): SystemError | undefined {
  if (!(error instanceof Error)) return undefined;
  const code: unknown = Reflect.get(error, "code");
  if (
    typeof code === "string" &&
    (code in TLS_SENTENCES ||
      code in NETWORK_SENTENCES ||
      /^(EPROTO|ERR_SSL|ERR_PROXY_TUNNEL|HPE_)/.test(code))
  )
    return error as SystemError;
  if (error instanceof AggregateError) return telling(error.errors[0]);
  return telling(error.cause);
}
