/** Names of objects: what every store can hold, and nothing that could lead out of it. */
import { StoreFailure } from "./failure.ts";

/** Characters (bytes: they are all ASCII) of a key, the slashes included: S3 has 1024 for prefix and key together. */
export const LONGEST_KEY = 640;
/** Of one segment: a file name on every file system. */
const LONGEST_SEGMENT = 200;

const SEGMENT = "[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?";
const KEY = new RegExp(`^${SEGMENT}(?:/${SEGMENT})*$`);
const PREFIX = new RegExp(`^(?:${SEGMENT}/)*(?:[A-Za-z0-9][A-Za-z0-9._-]*)?$`);

/** Whether this is the name of an object: segments of letters and digits, with . _ - inside, separated by slashes. */
export function isKey(text: string): boolean {
  return text.length <= LONGEST_KEY && KEY.test(text) && hasFittingSegments(text);
}

/** Throws "object-key" for what is no key. For drivers: before anything else is done. */
export function requireKey(text: string): void {
  if (!isKey(text)) throw refusal("key", text);
}

/** Throws "object-key" for what no key can begin with. The empty prefix is that of all keys. */
export function requirePrefix(text: string): void {
  if (text.length > LONGEST_KEY || !PREFIX.test(text) || !hasFittingSegments(text))
    throw refusal("prefix", text);
}

function hasFittingSegments(text: string): boolean {
  return text.split("/").every((segment) => segment.length <= LONGEST_SEGMENT);
}

function refusal(what: string, text: string): StoreFailure {
  return new StoreFailure(
    "object-key",
    `${JSON.stringify(text.slice(0, 200))} is no ${what} of an object: wanted segments of letters and digits, with . _ - inside, separated by /`,
  );
}
