/** What the codes of S3 and its alikes mean, in a sentence each. */
import type { ErrorCode } from "../../errors.ts";
import { StoreFailure } from "../failure.ts";
import { explainConnection, explainTrouble } from "../http-failure.ts";

interface Explanation {
  readonly code: ErrorCode;
  readonly says: string;
  readonly hint?: string;
  readonly transient?: true;
}

const REGION: Explanation = {
  code: "store-misconfigured",
  says: "the region is the wrong one for this bucket",
};
const KEY_HINT = "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile";
const EXPIRED: Explanation = {
  code: "store-refused",
  says: "the session of the credentials has expired",
  hint: "renew them; a role or a profile that renews itself does not have this problem",
};
const ALTERED: Explanation = {
  code: "store-wrong-answer",
  says: "the bytes were altered on the way",
  transient: true,
};
const THROTTLED: Explanation = {
  code: "store-throttled",
  says: "the service asks for slower requests",
  transient: true,
};
const FULL: Explanation = { code: "store-full", says: "there is no room left" };
const CLASH: Explanation = {
  code: "object-key",
  says: "an object lies where others have it as their folder, or the reverse",
};

const EXPLANATIONS: Readonly<Record<string, Explanation>> = {
  NoSuchBucket: {
    code: "store-misconfigured",
    says: "there is no bucket of this name",
    hint: "create it, or correct the name, the endpoint or the region",
  },
  InvalidBucketName: {
    code: "store-misconfigured",
    says: "no bucket can have this name",
    hint: "correct it: 3 to 63 lower-case letters, digits, dots and hyphens",
  },
  InvalidAccessKeyId: {
    code: "store-refused",
    says: "the access key is not known there",
    hint: KEY_HINT,
  },
  SignatureDoesNotMatch: {
    code: "store-refused",
    says: "the secret key does not fit the access key",
    hint: KEY_HINT,
  },
  ExpiredToken: EXPIRED,
  TokenRefreshRequired: EXPIRED,
  RequestExpired: EXPIRED,
  InvalidToken: {
    code: "store-refused",
    says: "the session token is not valid",
    hint: "check AWS_SESSION_TOKEN, and leave it out beside keys that belong to no session",
  },
  RequestTimeTooSkewed: {
    code: "store-misconfigured",
    says: "the clocks of this machine and of the service differ too much",
    hint: "set the clock of this machine (NTP)",
  },
  AuthorizationHeaderMalformed: REGION,
  PermanentRedirect: REGION,
  TemporaryRedirect: REGION,
  Redirect: REGION,
  IncorrectRegion: REGION,
  NoSuchKey: { code: "object-missing", says: "there is none" },
  NotFound: { code: "object-missing", says: "there is none" },
  "kms:KeyNotFound": {
    code: "store-misconfigured",
    says: "the service has no key of this name to encrypt with",
    hint: "correct sseKmsKeyId=, or make the key",
  },
  PreconditionFailed: { code: "object-exists", says: "there is one of this name already" },
  ConditionalRequestConflict: {
    code: "store-unreachable",
    says: "another request to this name was under way",
    transient: true,
  },
  OperationAborted: {
    code: "store-unreachable",
    says: "another request was under way",
    transient: true,
  },
  RequestTimeout: {
    code: "store-unreachable",
    says: "the service waited in vain for bytes",
    transient: true,
  },
  SlowDown: THROTTLED,
  Throttling: THROTTLED,
  ThrottlingException: THROTTLED,
  RequestLimitExceeded: THROTTLED,
  BadDigest: ALTERED,
  InvalidDigest: ALTERED,
  XAmzContentSHA256Mismatch: ALTERED,
  IncompleteBody: ALTERED,
  InsufficientStorage: FULL,
  QuotaExceeded: FULL,
  XMinioStorageFull: FULL,
  ExistingObjectIsDirectory: CLASH,
  ObjectParentIsFile: CLASH,
  NoSuchUpload: {
    code: "store-wrong-answer",
    says: "the upload is gone before it was complete",
    hint: "see whether a lifecycle rule or somebody else aborts uploads",
  },
  InvalidObjectState: {
    code: "store-unsupported",
    says: "the object is archived and cannot be read at once",
    hint: "restore it from the archive first; choose a storageClass that can be read",
  },
  NotImplemented: { code: "store-unsupported", says: "the service does not know this request" },
};

/** What was done when it failed: for the sentence, and the permission that it needs. */
export interface Doing {
  /** After "cannot": `put "KEY"`. */
  readonly what: string;
  readonly permission: string;
}

/** Whether the service says that the credentials were good, and are no more. */
export function isExpired(error: unknown): boolean {
  return error instanceof Error && EXPLANATIONS[error.name] === EXPIRED;
}

/** An error of the SDK as one of ours; what is none of the service's or the network's stays as it is. */
export function explainS3(doing: Doing, error: unknown): unknown {
  if (error instanceof StoreFailure || !(error instanceof Error)) return error;
  const what = `cannot ${doing.what}`;
  const { status, retryAfter, region } = answerOf(error);
  const words = wordsOf(error, status);
  const known = EXPLANATIONS[error.name];
  if (known === REGION || status === 301 || status === 307)
    return wrongRegion(what, words, region, error);
  if (known !== undefined && !(status === 501 && known.transient))
    return new StoreFailure(known.code, `${what}: ${known.says} (${words})`, {
      ...(known.hint !== undefined && { hint: known.hint }),
      ...(known.transient && { transient: true }),
      cause: error,
    });
  const passing = explainTrouble(what, status, words, retryAfter);
  if (passing !== undefined) return passing;
  if (status === undefined || status < 400) return explainOther(what, status, error);
  if (status === 403 || status === 401) return refused(what, words, doing.permission, error);
  if (status === 404)
    return new StoreFailure("object-missing", `${what}: there is none (${words})`);
  if (status === 412) return new StoreFailure("object-exists", `${what}: ${words}`);
  if (status === 501) return new StoreFailure("store-unsupported", `${what}: ${words}`);
  const hint = hintFor(error, words);
  return new StoreFailure("store-misconfigured", `${what}: ${words}`, {
    ...(hint !== undefined && { hint }),
    cause: error,
  });
}

function hintFor({ message }: Error, words: string): string | undefined {
  if (/missing object ?lock/i.test(words))
    return "make the bucket with object lock, or leave lockMode= and lockDays= out";
  return NO_XML.test(message)
    ? "correct endpoint=: the host, the port, and https:// for a service with TLS"
    : undefined;
}

/** Of an answer that is not S3's: a web server's page, or the line by which Go's servers ask for TLS. */
const NO_XML = /deserialization error/i;

function explainOther(what: string, status: number | undefined, error: Error): unknown {
  const connection = explainConnection(what, error);
  if (connection !== undefined) return connection;
  if (/region is missing/i.test(error.message)) {
    const hint = "give region=, or AWS_REGION";
    return new StoreFailure("store-misconfigured", `${what}: no region is known`, { hint });
  }
  if (/region not accepted/i.test(error.message)) {
    const hint = "correct region=, AWS_REGION, or the region of the profile";
    return new StoreFailure("store-misconfigured", `${what}: ${error.message}`, { hint });
  }
  if (status === undefined && !/deserializ/i.test(error.message)) return error;
  const message = `${what}: the answer cannot be understood`;
  return new StoreFailure("store-wrong-answer", message, { transient: true, cause: error });
}

function refused(what: string, words: string, permission: string, cause: Error): StoreFailure {
  const hint = `grant ${permission} on this bucket and prefix, or use other credentials`;
  return new StoreFailure("store-refused", `${what}: access denied (${words})`, { hint, cause });
}

function wrongRegion(
  what: string,
  words: string,
  region: string | undefined,
  cause: Error,
): StoreFailure {
  const expected = region ?? /expecting ['"]([a-z0-9-]+)['"]/.exec(words)?.[1];
  const hint =
    expected === undefined ? "give the bucket's own with region=" : `write region=${expected}`;
  const message = `${what}: ${REGION.says} (${words})`;
  return new StoreFailure("store-misconfigured", message, { hint, cause });
}

interface Answer {
  readonly status: number | undefined;
  readonly retryAfter: string | undefined;
  /** Where the bucket is, if the service says so. */
  readonly region: string | undefined;
}

function answerOf(error: Error): Answer {
  const { $metadata, $response } = error as {
    $metadata?: { httpStatusCode?: number };
    $response?: { statusCode?: number; headers?: Record<string, string> };
  };
  const headers = $response?.headers ?? {};
  return {
    status: $metadata?.httpStatusCode ?? $response?.statusCode,
    retryAfter: headers["retry-after"],
    region: headers["x-amz-bucket-region"],
  };
}

/** The service's own words, without what is not one line. */
function wordsOf({ name, message }: Error, status: number | undefined): string {
  if (NO_XML.test(message)) return `the answer is none of S3's (status ${status})`;
  const words = [name, message].filter((one) => !/^(Unknown|UnknownError|Error|)$/.test(one));
  const text = [...new Set(words)].join(": ").replaceAll(/\s+/g, " ").slice(0, 300);
  return text === "" ? `status ${status}` : text;
}

/** An answer without what S3 always says. */
export function lacks(what: string, thing: string): StoreFailure {
  return new StoreFailure("store-wrong-answer", `${what}: the answer lacks ${thing}`);
}
