import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { body, digest, pattern } from "../../test/support/body.ts";
import { createSending, MOST_PARTS, partSize, partsOf, sendParts } from "./body-parts.ts";

const MIB = 1 << 20;
const GIB = 1 << 30;

function capacity(sizeHint?: number): number {
  return Array.from({ length: MOST_PARTS }, (_, at) => partSize(at + 1, sizeHint)).reduce(
    (sum, size) => sum + size,
    0,
  );
}

test("100 GiB fit into the parts that there may be, whatever was expected", () => {
  for (const hint of [undefined, 0, 1, 100 * GIB, 1e18]) assert.ok(capacity(hint) > 100 * GIB);
  assert.ok(capacity(1000 * GIB) > 1000 * GIB);
});

test("parts are small at first, and never more than memory can bear for what is not huge", () => {
  assert.equal(partSize(1), 8 * MIB);
  assert.equal(partSize(2500), 8 * MIB);
  assert.equal(partSize(2501), 16 * MIB);
  assert.equal(partSize(1, 1e18), 64 * MIB);
});

test("parts hold the body in order, and only the last is smaller", async () => {
  for (const size of [0, 1, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 16 * MIB]) {
    const { parts, recycle } = partsOf(body("b", size), undefined);
    const sizes: number[] = [];
    async function* joined(): AsyncGenerator<Uint8Array> {
      for await (const part of parts) {
        sizes.push(part.bytes.length);
        assert.equal(part.number, sizes.length);
        assert.equal(part.isLast, sizes.length === Math.max(1, Math.ceil(size / (8 * MIB))));
        yield part.bytes;
        recycle(part);
      }
    }
    assert.deepEqual(await digest(joined()), pattern("b", size));
    assert.ok(sizes.slice(0, -1).every((one) => one === 8 * MIB));
  }
});

test("memory of another size is not used again: parts grow after 2500", async () => {
  const { parts, recycle } = partsOf(body("b", 24 * MIB), undefined);
  await parts.next();
  recycle({ number: 0, bytes: new Uint8Array(MIB), isLast: false });
  for (const wanted of [8 * MIB, 8 * MIB])
    assert.equal((await parts.next()).value!.bytes.length, wanted);
});

test("at most four parts are on their way, and a failure ends all of them", async () => {
  const sending = createSending(new AbortController().signal);
  const failure = new Error("the third fails");
  let [running, most, aborted] = [0, 0, 0];
  const { parts } = partsOf(body("b", 100 * MIB, "large"), undefined);
  const sent = sendParts(parts, sending, async ({ number }) => {
    most = Math.max(most, ++running);
    if (number === 3) throw failure;
    if (!sending.signal.aborted) await once(sending.signal, "abort");
    aborted++;
    throw new Error("aborted");
  });
  await assert.rejects(sent, (error) => error === failure);
  assert.ok(most <= 4 && aborted === running - 1, `${most} ${aborted} ${running}`);
});
