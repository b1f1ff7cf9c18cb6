/** The contract of stores: objects that are there, read, listed and removed. */
import assert from "node:assert/strict";
import { LONGEST_KEY } from "../../src/store/key.ts";
import { pattern, slowly } from "./body.ts";
import { random } from "./random.ts";
import { fails, inParallel, keys, put, read, waiting, type InStore } from "./store-subject.ts";

const MIB = 1 << 20;

/** Whole, in ranges, missing, given up. */
export function reads(inStore: InStore): void {
  const SIZE = 9 * MIB + 11;
  const RANGES: readonly (readonly [offset: number | undefined, length?: number])[] = [
    [0, 1],
    [0, SIZE],
    [0, SIZE + 1],
    [1, 3 * MIB],
    [5 * MIB - 1, 2],
    [8 * MIB - 3, MIB],
    [SIZE - 1, 1],
    [SIZE - 1, 100],
    [SIZE - 10],
    [undefined, 17],
    [100, 0],
    [SIZE, 1],
    [SIZE],
    [SIZE + 1000],
    [SIZE + 1000, 5],
  ];
  inStore("ranges are exact, and empty beyond the end", async ({ store }) => {
    await put(store, "ranged", SIZE);
    for (const [offset, length] of RANGES) {
      const range = {
        ...(offset !== undefined && { offset }),
        ...(length !== undefined && { length }),
      };
      const from = offset ?? 0;
      const expected = pattern("ranged", SIZE, from, length === undefined ? SIZE : from + length);
      assert.deepEqual(await read(store, "ranged", range), expected, `${offset} ${length}`);
    }
  });

  inStore("an empty object reads as nothing at any place", async ({ store }) => {
    await put(store, "empty", 0);
    for (const range of [{}, { offset: 0 }, { offset: 0, length: 5 }, { offset: 7 }])
      assert.equal((await read(store, "empty", range)).size, 0, JSON.stringify(range));
  });

  inStore("a missing object is an error to get and nothing to stat", async ({ store }) => {
    await put(store, "there/object", 10);
    for (const key of ["missing", "there/other", "there/object.json", "elsewhere/object"]) {
      await fails("object-missing", read(store, key));
      await fails("object-missing", read(store, key, { offset: 5, length: 5 }));
      assert.equal(await store.stat(key, waiting), undefined, key);
    }
  });

  inStore("what lies below is not an object of that name", async ({ store }) => {
    await put(store, "there/object", 10);
    await fails("object-missing", read(store, "there"));
    assert.equal(await store.stat("there", waiting), undefined);
  });

  inStore("a get that is aborted, or not read to its end, really stops", async ({ store }) => {
    await put(store, "long", 20 * MIB);
    const stop = new AbortController();
    const reason = new Error("enough");
    let seen = 0;
    const aborted = (async () => {
      for await (const bytes of store.get("long", { signal: stop.signal })) {
        if (seen === 0) stop.abort(reason);
        seen += bytes.length;
      }
    })();
    await assert.rejects(aborted, (error) => error === reason);
    assert.ok(seen < 20 * MIB);
    for (let i = 0; i < 20; i++) for await (const _bytes of store.get("long", waiting)) break;
    assert.deepEqual(await read(store, "long"), pattern("long", 20 * MIB));
  });
}

/** Order, prefixes, and more than fits one page. */
export function listings(inStore: InStore, many: number): void {
  inStore("lists are in bytewise order, and only of what begins so", async ({ store }) => {
    const all = ["a-b/c", "a.b", "a/x", "a/x.sig", "a/y/z", "a0", "aB", "b/c", "Z", "a_b"];
    for (const [size, key] of all.entries()) await put(store, key, size);
    const sorted = all.toSorted((a, b) => (a < b ? -1 : 1));
    for (const prefix of ["", "a", "a/", "a/x", "a/x.", "a/y/", "a/y/z", "b", "c", "a/y/zz", "Z"]) {
      const expected = sorted.filter((key) => key.startsWith(prefix));
      assert.deepEqual(await keys(store, prefix), expected, `prefix "${prefix}"`);
    }
    for await (const { key, size } of store.list("", waiting)) assert.equal(size, all.indexOf(key));
  });

  inStore("nothing is an empty list", async ({ store }) => {
    assert.deepEqual(await keys(store), []);
    assert.deepEqual(await keys(store, "prod/backups/"), []);
  });

  inStore(
    `${many} objects are listed page after page, and a list can be left`,
    async ({ store }) => {
      const all = Array.from({ length: many }, (_, n) => `many/${String(n).padStart(6, "0")}`);
      await inParallel(16, all, (key) => put(store, key, 3));
      assert.deepEqual(await keys(store), all);
      assert.deepEqual(await keys(store, "many/0000"), all.slice(0, 100));
      for await (const { key } of store.list("", waiting)) {
        assert.equal(key, all[0]);
        break;
      }
      const stop = new AbortController();
      const reason = new Error("enough");
      const aborted = (async () => {
        for await (const _info of store.list("", { signal: stop.signal })) stop.abort(reason);
      })();
      await assert.rejects(aborted, (error) => error === reason);
    },
  );
}

/** What may be in a key, and what may not. */
export function names(inStore: InStore): void {
  inStore("every legal character may be in a key", async ({ store }) => {
    const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    const long = `${"l".repeat(200)}/`.repeat(10).slice(0, LONGEST_KEY - 1);
    const all = [
      letters,
      "a.b-c_d/e..f--g__h/0",
      "0",
      "20261124T070438Z-l1-r12.db.zst.age",
      `${long}x`,
    ];
    for (const key of all) await put(store, key, 5);
    assert.deepEqual(
      await keys(store),
      all.toSorted((a, b) => (a < b ? -1 : 1)),
    );
    for (const key of all) assert.deepEqual(await read(store, key), pattern(key, 5));
    for (const key of all) await store.delete(key, waiting);
    assert.deepEqual(await keys(store), []);
  });

  inStore("illegal keys are refused before anything is done", async ({ store }) => {
    const bad = [
      "",
      "/",
      "/a",
      "a/",
      "a//b",
      ".",
      "..",
      "../a",
      "a/../b",
      "a/./b",
      ".a",
      "a.",
      "-a",
    ];
    bad.push("a b", "a\0b", "a\nb", "ä", "a\\b", "a%2fb", "a:b", "a*", "~", "s".repeat(201));
    bad.push("l/".repeat(LONGEST_KEY / 2) + "l");
    const untouched = {
      [Symbol.asyncIterator]: () => assert.fail("the body was asked for"),
    } as AsyncIterable<Uint8Array>;
    for (const key of bad) {
      await fails("object-key", store.put(key, untouched, waiting));
      await fails("object-key", read(store, key));
      await fails("object-key", store.stat(key, waiting));
      await fails("object-key", store.delete(key, waiting));
    }
    for (const prefix of bad.filter((key) => !["", "a/", "a."].includes(key)))
      await fails("object-key", keys(store, prefix));
    assert.deepEqual(await keys(store), []);
  });
}

/** Deleting, and sweeping beside puts. */
export function removals(inStore: InStore): void {
  inStore("what is deleted is gone, and deleting again is no error", async ({ store }) => {
    for (const key of ["a/one", "a/two", "b"]) await put(store, key, 10);
    await store.delete("a/one", waiting);
    await store.delete("a/one", waiting);
    await store.delete("never/was", waiting);
    assert.equal(await store.stat("a/one", waiting), undefined);
    await fails("object-missing", read(store, "a/one"));
    assert.deepEqual(await keys(store), ["a/two", "b"]);
    await store.delete("a/two", waiting);
    assert.deepEqual(await keys(store), ["b"]);
    await put(store, "a/one", 20);
    assert.deepEqual(await read(store, "a/one"), pattern("a/one", 20));
  });

  inStore("sweeping with a grace does not hurt a put under way", async ({ store }) => {
    const slow = slowly("slow", 9 * MIB);
    const given = store.put("slow", slow.body, waiting);
    await slow.waits;
    assert.equal(await store.sweep(3_600_000, waiting), 0);
    slow.goOn();
    await given;
    assert.deepEqual(await read(store, "slow"), pattern("slow", 9 * MIB));
  });
}

/** What interrupted puts left behind. */
export function sweeping(inStore: InStore): void {
  inStore("leftovers are swept when they are old enough, and nothing else", async (subject) => {
    const { store } = subject;
    await put(store, "kept/object", 10);
    await subject.abandonPut("kept/half");
    assert.equal((await subject.leftovers()).length, 1);
    assert.deepEqual(await keys(store), ["kept/object"]);
    assert.equal(await store.sweep(3_600_000, waiting), 0);
    assert.equal((await subject.leftovers()).length, 1);
    assert.equal(await store.sweep(0, waiting), 1);
    assert.deepEqual(await subject.leftovers(), []);
    assert.equal(await store.sweep(0, waiting), 0);
    assert.deepEqual(await keys(store), ["kept/object"]);
    assert.deepEqual(await read(store, "kept/object"), pattern("kept/object", 10));
  });
}

/** Everything at the same time. */
export function crowds(inStore: InStore): void {
  inStore("many calls at once do not disturb each other", async ({ store, leftovers }) => {
    const chance = random(7);
    const all = Array.from({ length: 24 }, (_, n) => ({
      key: `crowd/${n % 3}/${n}`,
      size: chance.between(0, 2 * MIB),
    }));
    await inParallel(12, all, async ({ key, size }) => {
      await put(store, key, size, size % 2 === 0 ? "odd" : "reused");
      assert.deepEqual(await read(store, key), pattern(key, size));
      const half = Math.floor(size / 2);
      const found = await read(store, key, { offset: half, length: 1000 });
      assert.deepEqual(found, pattern(key, size, half, half + 1000));
      assert.equal((await store.stat(key, waiting))?.size, size);
      if (size % 3 === 0) await store.delete(key, waiting);
    });
    const left = all.filter(({ size }) => size % 3 !== 0).map(({ key }) => key);
    assert.deepEqual(
      await keys(store),
      left.toSorted((a, b) => (a < b ? -1 : 1)),
    );
    assert.deepEqual(await leftovers(), []);
  });
}
