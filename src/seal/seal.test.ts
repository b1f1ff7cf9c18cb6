import assert from "node:assert/strict";
import { before, test } from "node:test";
import { Decrypter, Encrypter } from "age-encryption";
import { HoldfastError } from "../errors.ts";
import { collect, inPieces, ranges } from "../../test/support/pieces.ts";
import { random } from "../../test/support/random.ts";
import { generateIdentity } from "./identity.ts";
import { parseIdentities, type Identities } from "./identities.ts";
import { openSealed } from "./open-sealed.ts";
import { NO_RECIPIENTS, parseRecipients, type Recipients } from "./recipients.ts";
import { open, seal } from "./seal.ts";

const KIB = 1 << 10;
const signal = new AbortController().signal;
const NOISE = Buffer.from(random(5).bytes(1100 * KIB));
const CHUNK = 64 * KIB;

let recipient: string;
let secret: string;
let to: Recipients;
let identities: Identities;

const file = (text: string) => ({ name: "keys", content: Buffer.from(text) });
const ask = async (): Promise<string> => assert.fail("a passphrase was asked for");

before(async () => {
  const made = await generateIdentity();
  recipient = made.recipient;
  secret = made.identity.split("\n").find((line) => line.startsWith("AGE-SECRET"))!;
  to = await parseRecipients(file(recipient));
  identities = await parseIdentities([file(made.identity)], ask);
});

const sealed = (plain: Uint8Array, pieceBytes?: number): Promise<Buffer> =>
  collect(seal(inPieces(plain, pieceBytes), to, { signal }));
const opened = (bytes: Uint8Array, pieceBytes?: number): Promise<Buffer> =>
  collect(open(inPieces(bytes, pieceBytes), identities, { signal }));
const atRandom = (bytes: Uint8Array) => openSealed(ranges(bytes).readAt, bytes.length, identities);

function damaged(message = /./): (error: unknown) => boolean {
  return (error) =>
    error instanceof HoldfastError &&
    error.code === "sealed-damaged" &&
    (assert.match(error.message, message), true);
}

for (const size of [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 16 * CHUNK, 16 * CHUNK + 1]) {
  test(`${size} bytes come back, and typage agrees both ways`, async () => {
    const plain = NOISE.subarray(0, size);
    const bytes = await sealed(plain, 10_007);
    assert.ok((await opened(bytes, 9973)).equals(plain));
    const decrypter = new Decrypter();
    decrypter.addIdentity(secret);
    assert.ok(Buffer.from(await decrypter.decrypt(bytes)).equals(plain));
    const encrypter = new Encrypter();
    encrypter.addRecipient(recipient);
    assert.ok((await opened(await encrypter.encrypt(plain))).equals(plain));
  });
}

test("byte by byte in, byte by byte out", async () => {
  const plain = NOISE.subarray(0, 3000);
  assert.ok((await opened(await sealed(plain, 1), 1)).equals(plain));
  const longer = NOISE.subarray(0, CHUNK + 100);
  assert.ok((await opened(await sealed(longer, 13), 11)).equals(longer));
});

test("any place is read, and no more than it takes", async () => {
  const plain = NOISE.subarray(0, 5 * CHUNK + 77);
  const bytes = await sealed(plain);
  let read = 0;
  const { readAt, size } = await openSealed(
    async (offset, length) => {
      read += length;
      return ranges(bytes).readAt(offset, length);
    },
    bytes.length,
    identities,
  );
  assert.equal(size, plain.length);
  const dice = random(9);
  for (let round = 0; round < 100; round++) {
    const offset = dice.pick([dice.between(0, size), CHUNK * dice.between(0, 5)]);
    const length = dice.pick([0, 1, 77, CHUNK, CHUNK + 1, 3 * CHUNK, size]);
    read = 0;
    const part = Buffer.from(await readAt(offset, length));
    assert.ok(part.equals(plain.subarray(offset, offset + length)), `${length} at ${offset}`);
    assert.ok(read <= (Math.ceil(length / CHUNK) + 1) * (CHUNK + 16), `${read} for ${length}`);
  }
  assert.equal((await readAt(size, 1)).length, 0);
  assert.equal((await readAt(size + CHUNK, 1)).length, 0);
});

test("a small file: every truncation and every flipped bit is found, streamed and at random", async () => {
  const bytes = await sealed(NOISE.subarray(0, 40));
  for (let length = 0; length < bytes.length; length++) {
    await assert.rejects(opened(bytes.subarray(0, length)), damaged(), `cut to ${length}`);
    await assert.rejects(atRandom(bytes.subarray(0, length)), damaged(), `cut to ${length}`);
  }
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    for (const attempt of [opened, atRandom])
      await assert.rejects(attempt(flipped), (error) => {
        assert.ok(error instanceof HoldfastError, String(error));
        assert.match(error.code, /^(sealed-damaged|no-identity-matches)$/, `bit ${bit}`);
        return true;
      });
  }
  await assert.rejects(
    opened(Buffer.concat([bytes, Buffer.of(0)])),
    damaged(/altered, or cut short/),
  );
  await assert.rejects(atRandom(Buffer.concat([bytes, Buffer.of(0)])), damaged());
});

/** Where the chunks of a sealed file begin, and its end. */
function borders(bytes: Uint8Array, plainBytes: number): number[] {
  const count = Math.max(1, Math.ceil(plainBytes / CHUNK));
  const start = bytes.length - plainBytes - 16 * count;
  return [...Array.from({ length: count }, (_, at) => start + at * (CHUNK + 16)), bytes.length];
}

test("a cut at any border between chunks is found, and nothing beyond it is handed out", async () => {
  const plain = NOISE.subarray(0, 3 * CHUNK);
  const bytes = await sealed(plain);
  const ends = borders(bytes, plain.length);
  for (const [chunks, end] of ends.slice(0, -1).entries()) {
    for (const cut of [end - 1, end, end + 1, end + 15, end + 16, end + 17]) {
      const seen: Uint8Array[] = [];
      const reading = async (): Promise<void> => {
        for await (const piece of open(inPieces(bytes.subarray(0, cut)), identities, { signal }))
          seen.push(Buffer.from(piece));
      };
      await assert.rejects(reading(), damaged(), `cut at ${cut}`);
      assert.ok(Buffer.concat(seen).equals(plain.subarray(0, Buffer.concat(seen).length)));
      await assert.rejects(atRandom(bytes.subarray(0, cut)), damaged(), `cut at ${cut}`);
    }
    if (chunks > 0)
      await assert.rejects(
        opened(bytes.subarray(0, end)),
        damaged(/nothing follows, and it is not/),
      );
  }
});

test("chunks that change places, are left out or come from another file are found", async () => {
  const plain = NOISE.subarray(0, 3 * CHUNK + 5);
  const [bytes, other] = [await sealed(plain), await sealed(plain)];
  const [start, second, third, fourth] = borders(bytes, plain.length) as [
    number,
    number,
    number,
    number,
  ];
  const part = (from: number, end?: number): Buffer => bytes.subarray(from, end);
  const altered = [
    [part(0, start), part(second, third), part(start, second), part(third)],
    [part(0, start), part(second)],
    [part(0, third), part(second, third), part(third)],
    [part(0, start), part(fourth)],
    [part(0, second), other.subarray(second)],
    [part(0), part(fourth)],
  ];
  for (const parts of altered) await assert.rejects(opened(Buffer.concat(parts)), damaged());
});

test("nothing is handed out before it is authenticated", async () => {
  const plain = NOISE.subarray(0, 17 * CHUNK);
  const bytes = await sealed(plain);
  const [, , third] = borders(bytes, plain.length) as [number, number, number];
  const flipped = Buffer.from(bytes);
  flipped[third + 5]! ^= 1;
  let seen = 0;
  await assert.rejects(
    async () => {
      for await (const piece of open(inPieces(flipped), identities, { signal }))
        seen += piece.length;
    },
    damaged(/damaged 131072 bytes into/),
  );
  assert.ok(seen <= 2 * CHUNK);
});

test("no recipients: the bytes go through as they are", async () => {
  const through = await collect(seal(inPieces(NOISE), NO_RECIPIENTS, { signal }));
  assert.ok(through.equals(NOISE));
});

const NOT_SEALED: readonly (readonly [name: string, bytes: Uint8Array, message: RegExp])[] = [
  ["nothing", Buffer.alloc(0), /begins like neither/],
  ["a few bytes", Buffer.from("age-enc"), /begins like neither/],
  ["a zstd frame", Buffer.from("28b52ffd2000010000", "hex"), /begins like neither/],
  ["an armored file", Buffer.from("-----BEGIN AGE ENCRYPTED FILE-----\n"), /it is armored/],
  ["an armored message", Buffer.from("-----BEGIN PGP MESSAGE-----\n"), /it is armored/],
];

for (const [name, bytes, message] of NOT_SEALED) {
  test(`not opened: ${name}`, async () => {
    await assert.rejects(opened(bytes), damaged(message));
    await assert.rejects(atRandom(bytes), damaged(/does not begin like an age file/));
  });
}

test("a header that never ends is refused before it costs much", async () => {
  const start = Buffer.from(`age-encryption.org/v1\n-> X25519 ${"A".repeat(43)}\n`);
  const endless = Buffer.concat([start, Buffer.alloc(1 << 20, `${"A".repeat(64)}\n`)]);
  await assert.rejects(opened(endless), damaged(/goes on beyond 262144 bytes/));
  await assert.rejects(atRandom(endless), damaged(/goes on beyond 262144 bytes/));
});

test("a file at rest that ends earlier than it should is found", async () => {
  const bytes = await sealed(NOISE.subarray(0, 3 * CHUNK));
  const { readAt } = await openSealed(
    async (offset, length) => (await ranges(bytes).readAt(offset, length)).subarray(0, 100_000),
    bytes.length,
    identities,
  ).then((it) => it, assert.fail);
  await assert.rejects(readAt(0, 2 * CHUNK), damaged(/ends too early/));
});

for (const [name, run] of [
  [
    "seal",
    (input: AsyncIterable<Uint8Array>, stop: AbortSignal) => seal(input, to, { signal: stop }),
  ],
  [
    "open",
    (input: AsyncIterable<Uint8Array>, stop: AbortSignal) =>
      open(input, identities, { signal: stop }),
  ],
] as const) {
  test(`${name}() ends at once when it is aborted, with the reason, also where nothing comes`, async () => {
    const controller = new AbortController();
    const nothing = {
      [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }),
    };
    const ended = collect(run(nothing, controller.signal));
    controller.abort(new Error("enough"));
    await assert.rejects(ended, /^Error: enough$/);
  });

  test(`${name}() passes on what its input throws, as it is, and lets it go`, async () => {
    const failure = new Error("broken");
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield (await sealed(NOISE)).subarray(0, 500_000);
      throw failure;
    }
    await assert.rejects(collect(run(broken(), signal)), (error) => error === failure);
    let closed = false;
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        yield await sealed(NOISE);
        for (;;) yield NOISE;
      } finally {
        closed = true;
      }
    }
    for await (const piece of run(endless(), signal)) if (piece.length > 1000) break;
    assert.equal(closed, true);
  });
}
