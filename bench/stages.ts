/**
 * How fast each stage of a backup is alone, on Kubernetes-like data in memory: MiB of its plain side a second, and a
 * second of one core. The best of some rounds counts, since nothing makes a stage faster than it is.
 * `node bench/stages.ts [MiB]`
 */
import { openPacked } from "../src/pack/packed.ts";
import { pack } from "../src/pack/pack.ts";
import { unpack } from "../src/pack/unpack.ts";
import { generateIdentity } from "../src/seal/identity.ts";
import { parseIdentities } from "../src/seal/identities.ts";
import { openSealed } from "../src/seal/open-sealed.ts";
import { parseRecipients } from "../src/seal/recipients.ts";
import { open, seal } from "../src/seal/seal.ts";
import { random } from "../test/support/random.ts";
import { objectKey, objectValue } from "./objects.ts";

const MIB = 1 << 20;
const PIECE_BYTES = 2 * MIB;
const READ_BYTES = 16 << 10;
const READS = 200;
const ROUNDS = 5;
const signal = new AbortController().signal;

type Stream = AsyncIterable<Uint8Array>;

/** The bytes in pieces as the one pass has them. */
async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
}

async function all(stream: Stream): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const piece of stream) parts.push(Buffer.from(piece));
  return Buffer.concat(parts);
}

async function drain(stream: Stream): Promise<void> {
  for await (const _piece of stream);
}

function sample(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  const chance = random(1);
  for (let at = 0, index = 0; at < size; index++) {
    const value = Buffer.concat([Buffer.from(objectKey(index)), objectValue(index, chance)]);
    at += value.copy(bytes, at);
  }
  return bytes;
}

async function measure(name: string, plainBytes: number, work: () => Promise<void>): Promise<void> {
  let [seconds, coreSeconds] = [Infinity, Infinity];
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage();
    const start = performance.now();
    await work();
    seconds = Math.min(seconds, (performance.now() - start) / 1000);
    const { user, system } = process.cpuUsage(before);
    coreSeconds = Math.min(coreSeconds, (user + system) / 1e6);
  }
  const speed = (by: number): string => String(Math.round(plainBytes / MIB / by)).padStart(6);
  console.log(`${name.padEnd(24)} ${speed(seconds)} MiB/s ${speed(coreSeconds)} MiB/s a core`);
}

/** Short reads at places that chance picks. */
async function readAround(source: {
  readonly size: number;
  readAt(offset: number, length: number): Promise<Uint8Array>;
}): Promise<void> {
  const chance = random(2);
  for (let read = 0; read < READS; read++)
    await source.readAt(chance.between(0, source.size - READ_BYTES), READ_BYTES);
}

const plain = sample(Number(process.argv[2] ?? 256) * MIB);
const { identity, recipient } = await generateIdentity();
const file = (text: string) => ({ name: "key", content: Buffer.from(text) });
const recipients = await parseRecipients(file(recipient));
const identities = await parseIdentities([file(identity)], async () => "");

const packed = await all(pack(pieces(plain), { signal }));
const sealed = await all(seal(pieces(plain), recipients, { signal }));
console.log(
  `${plain.length / MIB} MiB, packed to 1 in ${(plain.length / packed.length).toFixed(1)}`,
);

await measure("pack", plain.length, () => drain(pack(pieces(plain), { signal })));
await measure("unpack", plain.length, () => drain(unpack(pieces(packed), { signal })));
await measure("seal", plain.length, () => drain(seal(pieces(plain), recipients, { signal })));
await measure("open", plain.length, () => drain(open(pieces(sealed), identities, { signal })));
await measure("pack and seal", plain.length, () =>
  drain(seal(pack(pieces(plain), { signal }), recipients, { signal })),
);
const both = await all(seal(pieces(packed), recipients, { signal }));
await measure("open and unpack", plain.length, () =>
  drain(unpack(open(pieces(both), identities, { signal }), { signal })),
);
const readAt = async (offset: number, length: number): Promise<Uint8Array> =>
  both.subarray(offset, offset + length);
await measure(`${READS} reads of ${READ_BYTES >> 10} KiB`, READS * READ_BYTES, async () => {
  const inner = await openSealed(readAt, both.length, identities);
  await readAround(await openPacked(inner.readAt, inner.size));
});
