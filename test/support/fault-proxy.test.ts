import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { faultProxy, type Fault, type FaultProxy } from "./fault-proxy.ts";
import { shutter } from "./shutting.ts";

/** A server that answers with 100 kB, and keeps what it was sent. */
async function ground() {
  const bodies: number[] = [];
  const server = createServer((request, response) => {
    let bytes = 0;
    request.on("error", () => {}); // broken on purpose
    request.on("data", (piece: Buffer) => (bytes += piece.length));
    request.on("end", () => {
      bodies.push(bytes);
      response.writeHead(200, { "content-length": 100_000 });
      response.end(Buffer.alloc(100_000, "a"));
    });
  });
  const shut = shutter(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy = await faultProxy(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return {
    proxy,
    bodies,
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await shut();
    },
  };
}

async function ask(proxy: FaultProxy, signal?: AbortSignal): Promise<Response> {
  const body = new Uint8Array(50_000);
  return fetch(`${proxy.url}/x?y=1`, { method: "PUT", body, ...(signal && { signal }) });
}

const bytesOf = async (answer: Response): Promise<number> =>
  (await answer.arrayBuffer()).byteLength;

test("without a rule everything passes", async () => {
  await using all = await ground();
  assert.equal(await bytesOf(await ask(all.proxy)), 100_000);
  assert.deepEqual(all.bodies, [50_000]);
  const [seen] = all.proxy.seen;
  assert.deepEqual(
    [seen?.method, seen?.path, seen?.bodyBytes, seen?.status, seen?.fault],
    ["PUT", "/x?y=1", 50_000, 200, undefined],
  );
});

test("a rule says which requests, how many after how many, and can be taken back", async () => {
  await using all = await ground();
  const fault: Fault = { kind: "answer", status: 503, body: "slow down" };
  const rule = all.proxy.inject({ matches: ({ method }) => method === "PUT", skip: 1, fault });
  const lengths = [];
  for (let i = 0; i < 3; i++) lengths.push(await bytesOf(await ask(all.proxy)));
  assert.deepEqual(lengths, [100_000, 9, 100_000]);
  assert.deepEqual(
    all.proxy.seen.map(({ status }) => status),
    [200, 503, 200],
  );
  assert.equal(rule.applied, 1);
  all.proxy.inject({ times: Infinity, fault });
  assert.equal(await (await ask(all.proxy)).text(), "slow down");
  all.proxy.heal();
  assert.equal(await bytesOf(await ask(all.proxy)), 100_000);
});

const BROKEN: readonly (readonly [Fault, request: number | undefined])[] = [
  [{ kind: "reset-request", afterBytes: 10_000 }, undefined],
  [{ kind: "lose-answer" }, 50_000],
  [{ kind: "reset-answer", afterBytes: 1000 }, 50_000],
  [{ kind: "cut-answer", afterBytes: 1000 }, 50_000],
  [{ kind: "wrong-length", add: 10 }, 50_000],
];
for (const [fault, reached] of BROKEN) {
  test(`${fault.kind} is an error to the client`, async () => {
    await using all = await ground();
    all.proxy.inject({ fault });
    await assert.rejects(async () => bytesOf(await ask(all.proxy)));
    assert.deepEqual(all.bodies, reached === undefined ? [] : [reached]);
    assert.equal(all.proxy.seen[0]?.fault, fault.kind);
  });
}

const HANGING: readonly Fault[] = [
  { kind: "stall-request", afterBytes: 10 },
  { kind: "hold-answer" },
  { kind: "stall-answer", afterBytes: 10 },
];
for (const fault of HANGING) {
  test(`${fault.kind} stays until the client gives up`, async () => {
    await using all = await ground();
    all.proxy.inject({ fault });
    const stop = new AbortController();
    const asked = ask(all.proxy, stop.signal).then(bytesOf);
    const first = await Promise.race([
      asked.then(() => "answered"),
      new Promise((resolve) => setTimeout(() => resolve("hangs"), 100)),
    ]);
    assert.equal(first, "hangs");
    stop.abort(new Error("enough"));
    await assert.rejects(asked, /enough/);
  });
}

test("a shorter length passes for the whole, a flipped bit for the right one", async () => {
  await using all = await ground();
  all.proxy.inject({ fault: { kind: "wrong-length", add: -10 } });
  assert.equal(await bytesOf(await ask(all.proxy)), 99_990);
  all.proxy.inject({ fault: { kind: "flip-answer", at: 70_000 } });
  const text = await (await ask(all.proxy)).text();
  assert.deepEqual([text.length, text.indexOf("`")], [100_000, 70_000]);
});

test("drops come to the same in the end", async () => {
  await using all = await ground();
  all.proxy.inject({ fault: { kind: "drip", bytes: 20_000, everyMs: 1 } });
  assert.equal(await bytesOf(await ask(all.proxy)), 100_000);
  assert.deepEqual(all.bodies, [50_000]);
});
