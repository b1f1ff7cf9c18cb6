/** Credentials for S3, from wherever the SDK finds them, and what it means when there are none or they expire. */
import type { S3Client } from "@aws-sdk/client-s3";
import { unlessAborted } from "../../io/patience.ts";
import { StoreFailure } from "../failure.ts";
import { explainConnection, explainTrouble } from "../http-failure.ts";

/** What a request is signed with. */
type Credentials = Awaited<ReturnType<S3Client["config"]["credentials"]>>;

const WHAT = "cannot log in to S3";

/** Those to sign with now, renewed where that is due. Throws the signal's reason, or why there are none. */
export async function credentialsOf(client: S3Client, signal: AbortSignal): Promise<Credentials> {
  try {
    return await unlessAborted(client.config.credentials(), signal);
  } catch (error) {
    signal.throwIfAborted();
    throw explainLogin(client, error);
  }
}

/** Whether there are others than those that were used: renewed meanwhile, or now. Throws why they cannot be renewed. */
export async function areRenewed(
  client: S3Client,
  used: Credentials,
  signal: AbortSignal,
): Promise<boolean> {
  const current = await credentialsOf(client, signal);
  if (current.sessionToken !== used.sessionToken) return true;
  try {
    const forced = client.config.credentials({ forceRefresh: true });
    const { sessionToken } = await unlessAborted(forced, signal);
    return sessionToken !== used.sessionToken;
  } catch (error) {
    signal.throwIfAborted();
    throw explainLogin(client, error);
  }
}

function explainLogin({ config }: S3Client, error: unknown): unknown {
  if (error instanceof StoreFailure || !(error instanceof Error)) return error;
  const words = `${error.name}: ${error.message}`.replaceAll(/\s+/g, " ").slice(0, 300);
  const { $metadata, syscall } = error as {
    $metadata?: { httpStatusCode?: number };
    syscall?: string;
  };
  const status = $metadata?.httpStatusCode;
  const passing =
    error.name === "IDPCommunicationError"
      ? new StoreFailure("store-unreachable", `${WHAT}: ${words}`, { transient: true })
      : (explainTrouble(WHAT, status, words, undefined) ?? explainConnection(WHAT, error));
  if (passing !== undefined) return passing;
  if (status !== undefined)
    return new StoreFailure("store-refused", `${WHAT}: the role is not given (${words})`, {
      hint: "check AWS_ROLE_ARN or role_arn, whom the role trusts, and the token or the keys that it is asked for with",
      cause: error,
    });
  const { profile } = config as { profile?: string };
  const whose = profile === undefined ? "" : ` for the profile "${profile}"`;
  if (error.name === "CredentialsProviderError" || syscall !== undefined)
    return new StoreFailure(
      "store-misconfigured",
      `${WHAT}: no credentials were found${whose} (${words})`,
      {
        hint: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile (AWS_PROFILE), or give the machine a role",
        cause: error,
      },
    );
  return error;
}
