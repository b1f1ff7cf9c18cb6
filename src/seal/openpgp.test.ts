import assert from "node:assert/strict";
import { before, test, type TestContext } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { generateKey, type PrivateKey, type PublicKey } from "openpgp";
import { HoldfastError } from "../errors.ts";
import { collect, inPieces } from "../../test/support/pieces.ts";
import { openOpenPgp, sealOpenPgp } from "./openpgp.ts";

const signal = new AbortController().signal;
const PLAIN = Buffer.from("a small secret");
const ask = async (): Promise<string> => "";

let pair: { readonly publicKey: PublicKey; readonly privateKey: PrivateKey };

before(async () => {
  const userIDs = [{ email: "somebody@example.org" }];
  pair = await generateKey({ userIDs, format: "object" });
});

const sealed = (plain: Uint8Array): Promise<Buffer> =>
  collect(sealOpenPgp(inPieces(plain), [pair.publicKey], signal));
const opened = (bytes: Uint8Array): Promise<Buffer> =>
  collect(openOpenPgp(inPieces(bytes), [pair.privateKey], ask, signal));

/** How opening ends. Whenever openpgp.js waits for nothing, time is made to fly. */
async function ending(context: TestContext, bytes: Uint8Array): Promise<Buffer | HoldfastError> {
  let result: Buffer | HoldfastError | undefined;
  void opened(bytes).then(
    (plain) => (result = plain),
    (error: HoldfastError) => (result = error),
  );
  while (result === undefined) {
    const soon = performance.now() + 100;
    while (result === undefined && performance.now() < soon) await turn();
    context.mock.timers.tick(30_000);
  }
  return result;
}

function checkDamage(result: Buffer | HoldfastError, where: string): void {
  if (result instanceof Error)
    assert.match(result.code, /^(sealed-damaged|no-identity-matches)$/, `${where}: ${result}`);
  // some bits mean nothing: what must never come out is something else
  else assert.ok(result.equals(PLAIN), where);
}

test("every truncation of a small message is found", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const bytes = await sealed(PLAIN);
  for (let length = 0; length < bytes.length; length++) {
    const result = await ending(context, bytes.subarray(0, length));
    assert.ok(result instanceof HoldfastError, `cut to ${length}`);
    checkDamage(result, `cut to ${length}`);
  }
});

test("every flipped bit of a small message is found or means nothing, and nothing waits for ever", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const bytes = await sealed(PLAIN);
  let waited = 0;
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    const result = await ending(context, flipped);
    checkDamage(result, `bit ${bit}`);
    if (result instanceof Error && /nothing comes out/.test(result.message)) waited++;
  }
  assert.ok(waited < bytes.length, `${waited} waits`);
});

test("a slow input is waited for", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const bytes = await sealed(PLAIN);
  async function* slow(): AsyncGenerator<Uint8Array> {
    yield bytes.subarray(0, 50);
    for (let turns = 0; turns < 50; turns++) {
      await turn();
      context.mock.timers.tick(30_000);
    }
    yield bytes.subarray(50);
  }
  assert.ok((await collect(openOpenPgp(slow(), [pair.privateKey], ask, signal))).equals(PLAIN));
});

const failure = Object.assign(new Error("broken"), { code: "ECONNRESET" });

for (const [name, run] of [
  ["seal", (input: AsyncIterable<Uint8Array>) => sealOpenPgp(input, [pair.publicKey], signal)],
  [
    "open",
    (input: AsyncIterable<Uint8Array>) => openOpenPgp(input, [pair.privateKey], ask, signal),
  ],
] as const) {
  test(`${name}: what the input throws comes through as it is`, async () => {
    const bytes = await sealed(new Uint8Array(200_000));
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(0, 100_000);
      throw failure;
    }
    await assert.rejects(collect(run(broken())), (error) => error === failure);
  });
}
