/** What Google Cloud Storage's refusals mean, in a sentence each. */
import type { IncomingMessage } from "node:http";
import { StoreFailure } from "../failure.ts";
import { explainConnection, explainTrouble } from "../http-failure.ts";

/** Bytes of an answer that says what went wrong. */
const LONGEST_ANSWER = 64 << 10;

/** What was done when it failed: for the sentence, and the permission that it needs. */
export interface Doing {
  /** After "cannot": `put "KEY"`. */
  readonly what: string;
  readonly permission: string;
  /** What is missing when the answer is 404: the object when left out. */
  readonly missing?: "bucket";
}

/** What an answer with a status of 400 or more means; it is read to its end. */
export async function explainAnswer(
  { what: verb, permission, missing }: Doing,
  answer: IncomingMessage,
): Promise<StoreFailure> {
  const what = `cannot ${verb}`;
  const status = answer.statusCode!;
  const { message, reason } = await wordsOf(answer);
  const words = message === "" ? `status ${status}` : message;
  if (/rateLimitExceeded/i.test(reason))
    return new StoreFailure("store-throttled", `${what}: ${words}`, { transient: true });
  const passing = explainTrouble(what, status, words, answer.headers["retry-after"]);
  if (passing !== undefined) return passing;
  const isOfBucket = missing === "bucket" || (/bucket/i.test(words) && !/object/i.test(words));
  if (status === 404 && isOfBucket)
    return new StoreFailure("store-misconfigured", `${what}: there is no such bucket (${words})`, {
      hint: "create it, or correct its name",
    });
  if (status === 404)
    return new StoreFailure("object-missing", `${what}: there is none (${words})`);
  if (status === 412)
    return new StoreFailure("object-exists", `${what}: there is one of this name already`);
  if (status === 401)
    return new StoreFailure("store-refused", `${what}: the token is not accepted (${words})`, {
      hint: "check GOOGLE_APPLICATION_CREDENTIALS, or the identity of the machine",
    });
  if (/retentionPolicyNotMet|ObjectUnderActiveHold/i.test(reason) || /retention|hold/i.test(words))
    return new StoreFailure("object-locked", `${what}: it is locked (${words})`);
  if (status === 403)
    return new StoreFailure("store-refused", `${what}: access denied (${words})`, {
      hint: `grant ${permission} on the bucket, or use other credentials`,
    });
  if (status === 410)
    return new StoreFailure("store-unreachable", `${what}: the upload is gone (${words})`);
  return new StoreFailure("store-misconfigured", `${what}: ${words} (status ${status})`);
}

/** A failure on the way there. */
export function explainGoogle({ what: verb }: Doing, error: unknown): unknown {
  if (error instanceof StoreFailure || !(error instanceof Error)) return error;
  const what = `cannot ${verb}`;
  return explainConnection(what, error) ?? error;
}

/** A failure of getting a token. It is not kept as the cause: it holds what was sent, and with it secrets. */
export function explainLogin(error: unknown, file: string | undefined): unknown {
  if (error instanceof StoreFailure || !(error instanceof Error)) return error;
  const what = "cannot log in to Google Cloud";
  const { status } = error as { status?: unknown };
  const words = error.message.replaceAll(/\s+/g, " ").slice(0, 300);
  const passing =
    typeof status === "number"
      ? explainTrouble(what, status, words, undefined)
      : explainConnection(what, error);
  if (passing !== undefined) return passing;
  if (/short-lived token|\biat\b|invalid_grant/i.test(words))
    return new StoreFailure("store-misconfigured", `${what}: no token is given (${words})`, {
      hint: "set the clock of this machine (NTP), or make the credentials anew",
    });
  if (typeof status === "number" || words.startsWith("Error code "))
    return new StoreFailure("store-refused", `${what}: no token is given (${words})`, {
      hint: "check GOOGLE_APPLICATION_CREDENTIALS, and whom the service account trusts",
    });
  // the last is a private key that is none
  const isOfFile = /credentials|ENOENT|JSON|file|^error:.*routines/i.test(words);
  return isOfFile ? noCredentials(error, file) : error;
}

/** That there is nothing to log in with; `file` is that of GOOGLE_APPLICATION_CREDENTIALS. */
export function noCredentials(cause: unknown, file: string | undefined): StoreFailure {
  const where = file ? ` in "${file}"` : "";
  return new StoreFailure(
    "store-misconfigured",
    `cannot log in to Google Cloud: no usable credentials${where}`,
    {
      hint: "set GOOGLE_APPLICATION_CREDENTIALS to a file of credentials, or give the machine an identity",
      cause,
    },
  );
}

async function wordsOf(answer: IncomingMessage): Promise<{ message: string; reason: string }> {
  const text = await textOf(answer, LONGEST_ANSWER).catch(() => "");
  const parsed = parse(text);
  const message = parsed?.message ?? (/^[^<{]{1,300}$/.test(text) ? text : "");
  const line = message.replaceAll(/\s+/g, " ").trim().slice(0, 300);
  return { message: line, reason: parsed?.errors?.[0]?.reason ?? "" };
}

interface GoogleError {
  readonly message?: string;
  readonly errors?: readonly { readonly reason?: string }[];
}

function parse(text: string): GoogleError | undefined {
  try {
    const { error } = JSON.parse(text) as { error?: unknown };
    return typeof error === "object" && error !== null ? error : undefined;
  } catch {
    return undefined;
  }
}

/** A small answer as text. Throws "store-wrong-answer" for one that is longer than `limit`. */
export async function textOf(answer: IncomingMessage, limit: number): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const bytes of answer as AsyncIterable<Buffer>) {
    size += bytes.length;
    if (size > limit)
      throw new StoreFailure("store-wrong-answer", `an answer is longer than ${limit} bytes`);
    pieces.push(bytes);
  }
  return Buffer.concat(pieces).toString("utf8");
}
