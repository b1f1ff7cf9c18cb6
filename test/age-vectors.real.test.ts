/** The test vectors of age (c2sp.org/CCTV/age), streamed and at random. Armored ones are for others: we read binary only. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { inflateSync } from "node:zlib";
import type { HoldfastError } from "../src/errors.ts";
import { parseIdentities, type Identities } from "../src/seal/identities.ts";
import { openSealed } from "../src/seal/open-sealed.ts";
import { open } from "../src/seal/seal.ts";
import { part } from "./support/parts.ts";
import { collect, inPieces, ranges } from "./support/pieces.ts";
import { output } from "./support/program.ts";
import { scratch, type Scratch } from "./support/scratch.ts";

const signal = new AbortController().signal;

interface Vector {
  readonly expect: string;
  /** SHA-256 of what comes out, hexadecimal. */
  readonly payload: string | undefined;
  readonly armored: boolean;
  readonly file: Buffer;
  readonly identities: Identities;
}

let folder: Scratch;

before(async () => {
  folder = await scratch();
  await output(join(await part("age-vectors"), "age-vectors"), [folder.path]);
});

after(() => folder[Symbol.asyncDispose]());

async function readVector(name: string): Promise<Vector> {
  const bytes = await readFile(folder.file(name));
  const end = bytes.indexOf("\n\n");
  const fields = bytes
    .toString("latin1", 0, end)
    .split("\n")
    .map((line) => line.split(": "));
  const all = (key: string): string[] =>
    fields.filter(([name_]) => name_ === key).map(([, value]) => value!);
  const body = bytes.subarray(end + 2);
  const keys = all("identity").join("\n");
  const files = keys === "" ? [] : [{ name: "identity", content: Buffer.from(keys) }];
  return {
    expect: all("expect")[0]!,
    payload: all("payload")[0],
    armored: all("armored")[0] === "yes",
    file: all("compressed")[0] === "zlib" ? inflateSync(body) : body,
    identities: await parseIdentities(files, async () => all("passphrase")[0] ?? "none"),
  };
}

/** What each kind of failure may be called by us. */
const CODES: Readonly<Record<string, RegExp>> = {
  "no match": /^(no-identity-matches|identity-unusable)$/,
  "HMAC failure": /^sealed-damaged$/,
  "header failure": /^sealed-damaged$/,
  "payload failure": /^sealed-damaged$/,
};

async function checkVector(name: string): Promise<boolean> {
  const { expect, payload, armored, file, identities } = await readVector(name);
  if (armored) return false;
  const streamed = collect(open(inPieces(file, 4099), identities, { signal }));
  await checkEnd(name, streamed, expect, payload);
  const anywhere = openSealed(ranges(file).readAt, file.length, identities);
  await checkEnd(
    name,
    anywhere.then(({ readAt, size }) => readAt(0, size)),
    expect,
    payload,
  );
  return true;
}

async function checkEnd(
  name: string,
  opening: Promise<Uint8Array>,
  expect: string,
  payload: string | undefined,
): Promise<void> {
  const result = await opening.catch((error: HoldfastError) => error);
  if (result instanceof Error)
    assert.match(result.code, CODES[expect] ?? /never/, `${name}: ${result}`);
  else {
    assert.equal(expect, "success", name);
    assert.equal(createHash("sha256").update(result).digest("hex"), payload, name);
  }
}

test("every vector opens, or fails, as it should", async () => {
  let checked = 0;
  for (const name of await readdir(folder.path)) if (await checkVector(name)) checked++;
  assert.ok(checked > 100, `${checked} vectors`);
});
