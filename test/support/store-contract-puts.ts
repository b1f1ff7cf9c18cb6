/** The contract of stores: what is put comes back, or nothing is there. */
import assert from "node:assert/strict";
import type { Capabilities } from "../../src/store/store.ts";
import { body, digest, pattern, slowly, throwing, type Pieces } from "./body.ts";
import { fails, isEmpty, keys, put, read, waiting, type InStore } from "./store-subject.ts";

const MIB = 1 << 20;

/** Sizes around those of parts, up to `largest`. */
export function roundTrips(inStore: InStore, largest: number): void {
  const sizes = [0, 1, 1000, 5 * MIB - 1, 5 * MIB, 8 * MIB, 8 * MIB + 1, 17 * MIB, largest];
  const usable = [...new Set(sizes.map((size) => Math.min(size, largest)))];
  for (const [index, size] of usable.entries()) {
    inStore(
      `${size} bytes of unknown length come back as they were`,
      async ({ store, leftovers }) => {
        const pieces: Pieces = index % 2 === 0 ? "odd" : "large";
        const info = await put(store, "a/object", size, pieces);
        assert.deepEqual([info.key, info.size], ["a/object", size]);
        assert.deepEqual(await read(store, "a/object"), pattern("a/object", size));
        const stat = await store.stat("a/object", waiting);
        assert.deepEqual([stat?.key, stat?.size], ["a/object", size]);
        assert.deepEqual(await keys(store), ["a/object"]);
        assert.deepEqual(await leftovers(), []);
      },
    );
  }

  inStore("memory of a piece may be used again for the next one", async ({ store }) => {
    await put(store, "reused", 3 * MIB + 7, "reused");
    assert.deepEqual(await read(store, "reused"), pattern("reused", 3 * MIB + 7));
  });

  inStore("an expected size that is wrong does no harm", async ({ store }) => {
    for (const sizeHint of [1, 9 * MIB, 4 * 1024 * MIB]) {
      const key = `hint-${sizeHint}`;
      await store.put(key, body(key, 9 * MIB), { sizeHint, ...waiting });
      assert.deepEqual(await read(store, key), pattern(key, 9 * MIB));
    }
  });

  inStore("the time of an object is unknown or about now", async ({ store }) => {
    await put(store, "timed", 10);
    const { modifiedMs = Date.now() } = (await store.stat("timed", waiting))!;
    assert.ok(Math.abs(Date.now() - modifiedMs) < 86_400_000, `${modifiedMs}`);
  });
}

/** Bodies that throw, and puts that are aborted. */
export function brokenPuts(inStore: InStore): void {
  for (const size of [0, 1, 100_000, 21 * MIB]) {
    inStore(`a body that throws after ${size} bytes leaves nothing`, async (subject) => {
      const cause = new Error("the source broke off");
      const given = subject.store.put("broken", throwing("broken", size, cause), waiting);
      await assert.rejects(given, (error) => error === cause);
      assert.equal(await subject.store.stat("broken", waiting), undefined);
      await isEmpty(subject);
    });
  }

  for (const size of [0, 100_000, 21 * MIB]) {
    inStore(
      `a put that is aborted after ${size} bytes stops and leaves nothing`,
      async (subject) => {
        const stop = new AbortController();
        const reason = new Error("enough");
        const hanging = slowly("aborted", size);
        const given = subject.store.put("aborted", hanging.body, { signal: stop.signal });
        given.catch(() => {});
        await hanging.waits;
        stop.abort(reason);
        await assert.rejects(given, (error) => error === reason);
        await isEmpty(subject);
      },
    );
  }

  inStore("what is aborted before it begins does not begin", async (subject) => {
    const { store } = subject;
    await put(store, "there", 10);
    const reason = new Error("already over");
    const signal = AbortSignal.abort(reason);
    let asked = false;
    const untouched: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]() {
        asked = true;
        return body("x", 10)[Symbol.asyncIterator]();
      },
    };
    const calls = [
      store.put("x", untouched, { signal }),
      digest(store.get("there", { signal })),
      store.stat("there", { signal }),
      store.delete("there", { signal }),
      store.sweep(0, { signal }),
      store.list("", { signal })[Symbol.asyncIterator]().next(),
    ];
    for (const call of calls) await assert.rejects(call, (error) => error === reason);
    assert.equal(asked, false);
    assert.deepEqual(await keys(store), ["there"]);
  });
}

/** Who comes first. */
export function conditions(inStore: InStore, expected: Capabilities): void {
  inStore("it knows what it can do", async ({ store }) => {
    assert.deepEqual(await store.capabilities(waiting), expected);
  });

  inStore(
    "a name that is taken is refused, small or large, and stays as it was",
    async (subject) => {
      const { store, leftovers } = subject;
      const once = { ifAbsent: true, ...waiting };
      await store.put("one", body("first", 1000), once);
      for (const size of [0, 2000, 20 * MIB])
        await fails("object-exists", store.put("one", body("second", size), once));
      assert.deepEqual(await read(store, "one"), pattern("first", 1000));
      assert.deepEqual(await leftovers(), []);
      await store.put("two", body("two", 20 * MIB), once);
      assert.deepEqual(await read(store, "two"), pattern("two", 20 * MIB));
    },
  );

  inStore("of 20 racing puts of one name", async ({ store, leftovers }) => {
    const racers = Array.from({ length: 20 }, (_, n) => `racer-${n}`);
    const size = (racer: string): number => 1000 + racers.indexOf(racer);
    const outcomes = await Promise.allSettled(
      racers.map((racer) =>
        store.put("prize", body(racer, size(racer)), { ifAbsent: true, ...waiting }),
      ),
    );
    const winners = racers.filter((_, n) => outcomes[n]!.status === "fulfilled");
    for (const outcome of outcomes) {
      if (outcome.status === "rejected")
        await fails("object-exists", Promise.reject(outcome.reason as Error));
    }
    const found = await read(store, "prize");
    assert.ok(
      winners.some((racer) => found.sha256 === pattern(racer, size(racer)).sha256),
      "the object is whole, and one of the winners'",
    );
    if (expected.conditionalPut) assert.equal(winners.length, 1);
    assert.deepEqual(await leftovers(), []);
  });
}
