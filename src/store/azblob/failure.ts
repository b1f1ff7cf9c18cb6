/** What the codes of Azure Blob Storage mean, in a sentence each. */
import type { ErrorCode } from "../../errors.ts";
import { StoreFailure } from "../failure.ts";
import { explainConnection, explainTrouble } from "../http-failure.ts";

interface Explanation {
  readonly code: ErrorCode;
  readonly says: string;
  readonly hint?: string;
  readonly transient?: true;
}

const TAKEN: Explanation = { code: "object-exists", says: "there is one of this name already" };
const ALTERED: Explanation = {
  code: "store-wrong-answer",
  says: "the bytes were altered on the way",
  transient: true,
};
const DENIED: Explanation = { code: "store-refused", says: "access denied" };
const LOCKED: Explanation = { code: "object-locked", says: "a policy or a legal hold locks it" };

const EXPLANATIONS: Readonly<Record<string, Explanation>> = {
  BlobAlreadyExists: TAKEN,
  UnauthorizedBlobOverwrite: TAKEN,
  ConditionNotMet: TAKEN,
  BlobNotFound: { code: "object-missing", says: "there is none" },
  ContainerNotFound: {
    code: "store-misconfigured",
    says: "there is no container of this name",
    hint: "create it, or correct the name, the account or the endpoint",
  },
  InvalidResourceName: {
    code: "store-misconfigured",
    says: "no container can have this name",
    hint: "correct it: 3 to 63 lower-case letters, digits and hyphens",
  },
  ContainerBeingDeleted: { code: "store-misconfigured", says: "the container is being deleted" },
  AuthenticationFailed: {
    code: "store-refused",
    says: "the key or the token does not fit the account, or has expired",
    hint: "check AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, and the account's name",
  },
  AuthorizationFailure: DENIED,
  AuthorizationPermissionMismatch: DENIED,
  InsufficientAccountPermissions: DENIED,
  AuthorizationServiceMismatch: DENIED,
  AuthorizationResourceTypeMismatch: DENIED,
  NoAuthenticationInformation: DENIED,
  KeyBasedAuthenticationNotPermitted: {
    code: "store-refused",
    says: "the account takes no keys",
    hint: "leave AZURE_STORAGE_KEY out and use the identity of the machine",
  },
  AccountIsDisabled: { code: "store-refused", says: "the account is disabled" },
  ServerBusy: {
    code: "store-throttled",
    says: "the service asks for slower requests",
    transient: true,
  },
  Md5Mismatch: ALTERED,
  Crc64Mismatch: ALTERED,
  BlobImmutableDueToPolicy: LOCKED,
  BlobBeingRehydrated: {
    code: "store-unsupported",
    says: "the object is being fetched from the archive",
  },
  BlobArchived: {
    code: "store-unsupported",
    says: "the object is archived and cannot be read at once",
    hint: "fetch it from the archive first; choose a storageClass that can be read",
  },
  LeaseIdMissing: { code: "object-locked", says: "somebody holds a lease of it" },
};

/** What was done when it failed: for the sentence, and the right that it needs. */
export interface Doing {
  /** After "cannot": `put "KEY"`. */
  readonly what: string;
  /** As Azure calls it: of a role, and the letter of a SAS. */
  readonly right: string;
}

/** An error of the SDK as one of ours. It is not kept as the cause: it holds the URL, and with it what may be secret. */
export function explainAzure({ what: verb, right }: Doing, error: unknown): unknown {
  if (error instanceof StoreFailure || !(error instanceof Error)) return error;
  const what = `cannot ${verb}`;
  const { code = "", statusCode: status, details } = error as AzureError;
  const connection = status === undefined ? explainConnection(what, error) : undefined;
  if (connection !== undefined)
    return new StoreFailure(connection.code, connection.message, {
      transient: connection.isTransient,
      ...(connection.hint !== undefined && { hint: connection.hint }),
    });
  if (LOGIN.test(error.name)) return explainLogin(error);
  const words = wordsOf(error, code, status);
  if (
    /date header|expired|not valid yet|not within/i.test(details?.authenticationErrorDetail ?? "")
  )
    return tooLate(what, words);
  const isUnknown = /failed to authenticate/i.test(words);
  const known = EXPLANATIONS[isUnknown ? "AuthenticationFailed" : code];
  if (known === DENIED || (known === undefined && status === 403)) {
    const hint = `grant ${right} on the container, or use other credentials`;
    return new StoreFailure("store-refused", `${what}: access denied (${words})`, { hint });
  }
  if (known !== undefined)
    return new StoreFailure(known.code, `${what}: ${known.says} (${words})`, {
      ...(known.hint !== undefined && { hint: known.hint }),
      ...(known.transient && { transient: true }),
    });
  return explainOther(what, words, error, status);
}

/** Errors of those who are asked for tokens. */
const LOGIN = /^(CredentialUnavailable|Authentication|AggregateAuthentication)/;

function explainLogin({ statusCode: status, errorResponse }: AzureError): StoreFailure {
  const what = "cannot log in to Azure";
  if (status === undefined)
    return new StoreFailure("store-misconfigured", `${what}: no credentials were found`, {
      hint: "set AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, or give the machine an identity",
    });
  const { errorDescription: said = "" } = errorResponse ?? {};
  if (/network_error/.test(said))
    return new StoreFailure("store-unreachable", `${what}: who gives tokens is not reached`, {
      hint: "check proxy= and caFile=, and the way to login.microsoftonline.com",
      transient: true,
    });
  const words = (/AADSTS\d+: [^\r\n]*/.exec(said)?.[0] ?? said.split("\n", 1)[0]!).slice(0, 300);
  return (
    explainTrouble(what, status, words, undefined) ??
    new StoreFailure("store-refused", `${what}: no token is given (${words})`, {
      hint: "check the identity: AZURE_TENANT_ID, AZURE_CLIENT_ID, and whom it trusts",
    })
  );
}

function explainOther(
  what: string,
  words: string,
  error: AzureError,
  status: number | undefined,
): unknown {
  const passing = explainTrouble(what, status, words, error.response?.headers?.get("retry-after"));
  if (passing !== undefined) return passing;
  if (status === 404)
    return new StoreFailure("object-missing", `${what}: there is none (${words})`);
  if (status === 409 || status === 412)
    return new StoreFailure("object-exists", `${what}: ${words}`);
  if (status === 401) return new StoreFailure("store-refused", `${what}: ${words}`);
  if (status !== undefined && status >= 400)
    return new StoreFailure("store-misconfigured", `${what}: ${words}`);
  if (error.code === "PARSE_ERROR" || error.name === "RestError")
    return new StoreFailure("store-wrong-answer", `${what}: ${words}`, { transient: true });
  return error;
}

interface AzureError extends Error {
  readonly code?: string;
  readonly statusCode?: number;
  /** Of who was asked for a token. */
  readonly errorResponse?: { readonly errorDescription?: string };
  readonly details?: { readonly authenticationErrorDetail?: string };
  readonly response?: { readonly headers?: { get(name: string): string | undefined } };
}

function tooLate(what: string, words: string): StoreFailure {
  const message = `${what}: the clock of this machine is wrong, or the token has expired (${words})`;
  const hint = "set the clock of this machine (NTP), or make a new token";
  return new StoreFailure("store-misconfigured", message, { hint });
}

/** The code and the first line of what the service says: the others are numbers of the request. */
function wordsOf({ message }: Error, code: string, status: number | undefined): string {
  const first = message.split("\n", 1)[0]!.trim().slice(0, 200);
  const readable = /^[\w .,'-]*$/.test(first) ? first : "";
  const words = [code, readable].filter((one) => one !== "").join(": ");
  return words === "" ? `status ${status}` : words;
}
