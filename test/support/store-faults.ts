/** What every driver of a cloud has to bear: a service, or a way to it, that fails now and then, or for good. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Log } from "../../src/io/log.ts";
import type { OpenOptions } from "../../src/store/open.ts";
import { openStore } from "../../src/store/open.ts";
import type { Store } from "../../src/store/store.ts";
import { body, pattern } from "./body.ts";
import { faultProxy, type Fault, type FaultProxy, type Seen } from "./fault-proxy.ts";
import { recordingLog } from "./faulty-store.ts";
import { fails, isEmpty, keys, read, waiting, type Subject } from "./store-subject.ts";

const MIB = 1 << 20;
const LARGE = 20 * MIB;

/** Short pauses; the limits are as long as a busy machine may need for one part. */
const PERSISTENCE = { stallMs: 4000, noProgressMs: 60_000, firstPauseMs: 5 };
const IMPATIENT = { stallMs: 4000, noProgressMs: 300, firstPauseMs: 5 };

export interface Faulted {
  /** Its address as the driver would be given it, without a proxy. */
  endpoint(): string;
  /** An empty store, opened by `open`. */
  subject(open: (url: string, options: OpenOptions) => Promise<Store>): Promise<Subject>;
  /** What the service says when it wants slower requests. */
  readonly throttling: Fault;
  /** Faults after which an emulator cannot go on with a long upload, as the real service does: the put fails then. */
  readonly endsUploads?: readonly Fault["kind"][];
}

interface Place {
  readonly subject: Subject;
  readonly proxy: FaultProxy;
  readonly log: Log & { readonly lines: string[] };
}

const TROUBLE: Fault = { kind: "answer", status: 500, body: "out of order" };
const ON_PUT: readonly Fault[] = [
  TROUBLE,
  { kind: "answer", status: 502, body: "<html>bad gateway</html>", early: true },
  { kind: "reset-request", afterBytes: 500 },
  { kind: "stall-request", afterBytes: 500 },
  { kind: "lose-answer" },
  { kind: "hold-answer" },
];
const ON_GET: readonly Fault[] = [
  TROUBLE,
  { kind: "lose-answer" },
  { kind: "reset-answer", afterBytes: 100_000 },
  { kind: "cut-answer", afterBytes: 100_000 },
  { kind: "stall-answer", afterBytes: 100_000 },
  { kind: "wrong-length", add: 1000 },
  { kind: "wrong-length", add: -1000 },
];

/** A request that carries the bytes of an object, or of a part of it. */
const carries = ({ method, headers }: Seen): boolean =>
  method !== "GET" && Number(headers["content-length"]) >= 1000;
const isGet = ({ method }: Seen): boolean => method === "GET";

/** Registers the tests. */
export function bearsFaults(name: string, faulted: Faulted): void {
  const throughProxy = (
    title: string,
    run: (place: Place) => Promise<void>,
    persistence = PERSISTENCE,
  ): void =>
    void test(title, async () => {
      await using proxy = await faultProxy(faulted.endpoint());
      const log = recordingLog();
      await using subject = await faulted.subject((url, options) =>
        openStore(url.replace(new URL(url).searchParams.get("endpoint")!, elsewhere(url, proxy)), {
          ...options,
          log,
          persistence,
        }),
      );
      await run({ subject, proxy, log });
    });

  describe(`${name} bears faults`, () => {
    for (const fault of [...ON_PUT, faulted.throttling]) putsThrough(throughProxy, faulted, fault);
    for (const fault of [...ON_GET, faulted.throttling]) readsThrough(throughProxy, fault);
    othersThrough(throughProxy, faulted.throttling);
    throughProxy(
      "a service that fails for good ends a put, and nothing is left",
      endless,
      IMPATIENT,
    );
  });
}

/** The endpoint by way of the proxy, with the path that it has. */
function elsewhere(url: string, proxy: FaultProxy): string {
  const { pathname } = new URL(new URL(url).searchParams.get("endpoint")!);
  return `${proxy.url}${pathname === "/" ? "" : pathname}`;
}

type Register = (title: string, run: (place: Place) => Promise<void>) => void;

function putsThrough(register: Register, { endsUploads = [] }: Faulted, fault: Fault): void {
  const title = "status" in fault ? `status ${fault.status}` : fault.kind;
  register(`a put goes on after ${title}, is seen once, and the failure is told`, async (place) => {
    const { subject, proxy, log } = place;
    for (const [key, size] of [
      ["small", 1000],
      ["large", LARGE],
    ] as const) {
      const rule = proxy.inject({ matches: carries, skip: size > MIB ? 1 : 0, fault });
      const given = subject.store.put(key, body(key, size), { ifAbsent: true, ...waiting });
      if (size > MIB && endsUploads.includes(fault.kind)) {
        await assert.rejects(given);
        assert.equal(await subject.store.stat(key, waiting), undefined);
      } else {
        await given;
        assert.deepEqual(await read(subject.store, key), pattern(key, size));
      }
      assert.equal(rule.applied, 1);
    }
    assert.ok(
      log.lines.some((line) => /^warn .*trying again/.test(line)),
      log.lines.join("\n"),
    );
    assert.deepEqual(await subject.leftovers(), []);
  });
}

function readsThrough(register: Register, fault: Fault): void {
  const title = "status" in fault ? `status ${fault.status}` : fault.kind;
  const add = fault.kind === "wrong-length" ? ` of ${fault.add}` : "";
  register(`a read goes on after ${title}${add}`, async ({ subject, proxy, log }) => {
    await subject.store.put("read", body("read", 9 * MIB), waiting);
    const rule = proxy.inject({ matches: isGet, times: 2, fault });
    assert.deepEqual(await read(subject.store, "read"), pattern("read", 9 * MIB));
    const range = { offset: 1000, length: 2 * MIB };
    assert.deepEqual(
      await read(subject.store, "read", range),
      pattern("read", 9 * MIB, 1000, 1000 + 2 * MIB),
    );
    assert.equal(rule.applied, 2);
    assert.ok(
      log.lines.some((line) => /^warn .*trying again/.test(line)),
      log.lines.join("\n"),
    );
  });
}

function othersThrough(register: Register, throttling: Fault): void {
  register("lists, looks and removals go on after failures", async ({ subject, proxy, log }) => {
    const { store } = subject;
    const broken = async (faults: readonly Fault[], run: () => Promise<unknown>): Promise<void> => {
      for (const fault of faults) {
        const rule = proxy.inject({ fault });
        const told = log.lines.length;
        await run();
        assert.equal(rule.applied, 1, fault.kind);
        const isTold = log.lines.slice(told).some((line) => /^warn .*trying again/.test(line));
        assert.ok(isTold, fault.kind);
      }
    };
    await store.put("a", body("a", 10), waiting);
    const before: readonly Fault[] = [TROUBLE, throttling, { kind: "lose-answer" }];
    const within: readonly Fault[] = [
      { kind: "reset-answer", afterBytes: 20 },
      { kind: "cut-answer", afterBytes: 20 },
    ];
    await broken([...before, ...within], async () => assert.deepEqual(await keys(store), ["a"]));
    await broken(before, async () => assert.equal((await store.stat("a", waiting))?.size, 10));
    await broken(before, () => store.delete("a", waiting));
    assert.equal(await store.stat("a", waiting), undefined);
  });
}

async function endless({ subject, proxy }: Place): Promise<void> {
  for (const size of [1000, LARGE]) {
    proxy.inject({ matches: carries, skip: size > MIB ? 1 : 0, times: Infinity, fault: TROUBLE });
    const given = subject.store.put("never", body("never", size), waiting);
    await fails("store-unreachable", given);
    proxy.heal();
    assert.equal(await subject.store.stat("never", waiting), undefined);
    assert.deepEqual(await keys(subject.store), []);
    await isEmpty(subject);
  }
}
