/** What a call failed of, in sentences: the endpoint, what was tried, what to check next. */
import { status as Status } from "@grpc/grpc-js";
import { HoldfastError, type ErrorCode } from "../errors.ts";
import type { Endpoint } from "./endpoint.ts";
import { speaksPlainHttp2, speaksTls } from "./protocol-probe.ts";
import { clientCertificateFailure } from "./tls-failure.ts";
import type { TlsSettings } from "./tls-files.ts";
import type { ConnectionTrail } from "./connector.ts";

/** A call that failed: as the gRPC library's ServiceError. */
export interface CallError extends Error {
  readonly code: Status;
  readonly details: string;
}

export function callError(code: Status, details: string, cause?: Error): CallError {
  return Object.assign(new Error(details, { cause }), { code, details });
}

export interface CallContext {
  readonly endpoint: Endpoint;
  readonly isSecure: boolean;
  /** What was said about TLS, whether this endpoint heeds it or not. */
  readonly tls: TlsSettings | undefined;
  readonly trail: ConnectionTrail;
  /** What was tried: the method's name. */
  readonly method: string;
  readonly user: string | undefined;
}

/** The error of the gRPC library as one of ours. It may take a moment: a port that answers oddly is looked at. */
export async function callFailure(error: CallError, context: CallContext): Promise<HoldfastError> {
  return isFromServer(error) ? refusal(error, context) : connectionFailure(error, context);
}

/** Statuses that the library makes by itself when there is no connection, or none any more. */
function isFromServer({ code, details }: CallError): boolean {
  if (/^(etcdserver|auth|mvcc|lease|raft|authpb|rpc error): /.test(details)) return true;
  if (/RST_STREAM|^Connection dropped$/.test(details)) return false;
  return code !== Status.UNAVAILABLE && code !== Status.CANCELLED;
}

interface Refusal {
  readonly pattern: RegExp;
  readonly code: ErrorCode;
  readonly says: (context: CallContext) => string;
  readonly hint: string;
}

const as = ({ user }: CallContext): string => (user === undefined ? "" : ` to the user "${user}"`);

/** By the server's words: 3.4 and 3.5 answer many of them with UNKNOWN. The first that fits counts. */
const REFUSALS: readonly Refusal[] = [
  {
    pattern: /permission denied/,
    code: "permission-denied",
    says: (context) => `permission denied${as(context)}`,
    hint: "use a user with the role root (etcdctl user grant-role NAME root)",
  },
  {
    pattern: /user name is empty/,
    code: "authentication-failed",
    says: () => "authentication is on, and no user was given",
    hint: "give --user NAME and the password in ETCDCTL_PASSWORD",
  },
  {
    pattern: /user name not found|auth: user not found/,
    code: "authentication-failed",
    says: ({ trail: { clientCertificate } }) =>
      `authentication is on, no user was given, and the client certificate's name is none${clientCertificate ? ` (${clientCertificate.subject})` : ""}`,
    hint: "give --user NAME and the password in ETCDCTL_PASSWORD, or the certificate of a user with the role root",
  },
  {
    pattern: /invalid user ID or password/,
    code: "authentication-failed",
    says: ({ user }) => `wrong user or password for "${user}"`,
    hint: "check --user and ETCDCTL_PASSWORD; after a restore the passwords of that time hold",
  },
  {
    pattern: /^UNAUTHENTICATED|invalid auth token|revision of auth store is old/,
    code: "authentication-failed",
    says: ({ user }) =>
      user === undefined ? "the token is not accepted" : "not even a new token is accepted",
    hint: "users or roles may just be changing: try again; check --auth-token on the members",
  },
  {
    pattern: /not supported for learner/,
    code: "member-is-learner",
    says: () => "this member is a learner, and learners do not answer it",
    hint: "give the endpoint of a voting member",
  },
  {
    pattern: /no leader|request timed out|unhealthy cluster|leader changed|not enough started/,
    code: "no-leader",
    says: () => "the cluster has no leader, or most of it does not answer",
    hint: "check that most of the members run, and wait for an election to end; where they are lost, docs/recovery.md tells how to go on with the disk of one",
  },
  {
    pattern: /required revision has been compacted/,
    code: "revision-compacted",
    says: () => "that revision has been compacted away",
    hint: "ask for a newer one; the member's head and its last compaction are in: holdfast hashkv",
  },
  {
    pattern: /required revision is a future revision/,
    code: "revision-in-future",
    says: () => "that revision does not exist yet",
    hint: "ask for an older one, or for none to take the newest",
  },
];

function refusal(error: CallError, context: CallContext): HoldfastError {
  const { endpoint, method } = context;
  const answer = `${Status[error.code]} ${error.details}`;
  const known = REFUSALS.find(({ pattern }) => pattern.test(answer));
  const at = `etcd at "${endpoint.text}" refused ${method}`;
  if (known !== undefined)
    return new HoldfastError(known.code, `${at}: ${known.says(context)}`, {
      hint: known.hint,
      cause: error,
    });
  if (error.code === Status.UNIMPLEMENTED) return notEtcd(endpoint, error);
  return new HoldfastError("server-refused", `${at}: ${answer}`, {
    hint: "the member's log has more",
    cause: error,
  });
}

function notEtcd({ text }: Endpoint, error: CallError): HoldfastError {
  return new HoldfastError(
    "wrong-protocol",
    `"${text}" does not answer as etcd: ${error.details}`,
    {
      hint: CLIENT_PORT,
      cause: error,
    },
  );
}

const CLIENT_PORT = "is it the client port (2379), and not the one for peers (2380) or metrics?";

async function connectionFailure(error: CallError, context: CallContext): Promise<HoldfastError> {
  const { endpoint, trail, method } = context;
  if (trail.error instanceof HoldfastError) return trail.error;
  const words = `${trail.error?.message ?? ""} ${error.details}`;
  const byCertificate = clientCertificateFailure(endpoint.text, words, trail.clientCertificate);
  if (byCertificate !== undefined) return byCertificate;
  if (isBroken(error))
    return unreachable(
      `the connection to "${endpoint.text}" broke during ${method}`,
      "check that the member still runs; its log has more",
      error,
    );
  const known = UNREACHABLE.find(({ pattern }) => pattern.test(words));
  if (known !== undefined)
    return unreachable(`cannot connect to "${endpoint.text}": ${known.says}`, known.hint, error);
  return (await protocolMismatch(context)) ?? strange(endpoint, error);
}

/** The connection had been made. */
function isBroken({ details }: CallError): boolean {
  return !/^No connection established|^Name resolution failed/.test(details);
}

/** Whether a failed call did not even reach a server, so that any call may be tried elsewhere. */
export function wasNeverSent(failure: HoldfastError): boolean {
  const error = failure.cause as Partial<CallError> | undefined;
  return (
    error?.details !== undefined &&
    !isFromServer(error as CallError) &&
    !isBroken(error as CallError)
  );
}

const UNREACHABLE = [
  {
    pattern: /ECONNREFUSED/,
    says: "nothing listens there (connection refused)",
    hint: "check host and port, and that the member runs",
  },
  {
    pattern: /ENOENT/,
    says: "there is no such socket",
    hint: "check the path of the socket",
  },
  {
    pattern: /EACCES|EPERM/,
    says: "this user may not connect there",
    hint: "check the permissions of the socket, or the local firewall",
  },
  {
    pattern: /EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|EHOSTDOWN|EADDRNOTAVAIL/,
    says: "there is no way to that host",
    hint: "check routes and firewalls between here and there",
  },
  {
    pattern: /Name resolution failed|ENOTFOUND|EAI_/,
    says: "the name cannot be resolved",
    hint: "check the name, and the name servers of this machine",
  },
] as const;

async function protocolMismatch(context: CallContext): Promise<HoldfastError | undefined> {
  const { endpoint, isSecure } = context;
  const speaksOther = isSecure ? speaksPlainHttp2 : speaksTls;
  if (!(await speaksOther(endpoint.address))) return undefined;
  return new HoldfastError(
    "wrong-protocol",
    isSecure
      ? `cannot connect to "${endpoint.text}": it does not speak TLS`
      : `cannot connect to "${endpoint.text}": it speaks TLS only`,
    {
      hint: isSecure
        ? wayToPlain(context)
        : "use https:// for this endpoint, with --cacert and, if it wants them, --cert and --key",
    },
  );
}

/** What asked for TLS: the endpoint's scheme, or the flags that were given. */
function wayToPlain({ endpoint: { transport, address }, tls = {} }: CallContext): string {
  const isSocket = "path" in address;
  const scheme = `use ${isSocket ? "unix" : "http"}:// for this endpoint`;
  if (transport === "tls") return scheme;
  const given = TLS_FLAGS.filter(([setting]) => tls[setting]).map(([, flag]) => flag);
  const [last = "--insecure-transport=false", ...others] = given.toReversed();
  const flags = [others.toReversed().join(", "), last].filter(Boolean).join(" and ");
  return isSocket ? `leave out ${flags}` : `${scheme}, or leave out ${flags}`;
}

const TLS_FLAGS = [
  ["caFile", "--cacert"],
  ["certFile", "--cert"],
  ["keyFile", "--key"],
  ["serverName", "--tls-server-name"],
  ["skipVerify", "--insecure-skip-tls-verify"],
] as const satisfies readonly (readonly [keyof TlsSettings, flag: string])[];

function strange({ text }: Endpoint, error: CallError): HoldfastError {
  const reason = error.details
    .replace(/^No connection established\. Last error: (Error: )?/, "")
    .replace(/\s*\(\d{4}-[^)]*\)|\. Resolution note: *$/g, "");
  const message = `cannot connect to "${text}": it does not answer as etcd (${reason.trim()})`;
  return unreachable(message, CLIENT_PORT, error);
}

function unreachable(message: string, hint: string, cause: Error): HoldfastError {
  return new HoldfastError("connection-failed", message, { hint, cause });
}
