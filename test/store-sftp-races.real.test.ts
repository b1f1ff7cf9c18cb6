/** What happens on an SFTP server between two requests of a put: every such instant, one after the other. */
import assert from "node:assert/strict";
import { mkdir, readdir, rmdir } from "node:fs/promises";
import { after, test } from "node:test";
import { StoreFailure } from "../src/store/failure.ts";
import { canLink, putRemote } from "../src/store/sftp/put.ts";
import type { Remote } from "../src/store/sftp/remote.ts";
import { openDriver } from "../src/store/open.ts";
import { body, pattern, slowly } from "./support/body.ts";
import { scratch } from "./support/scratch.ts";
import { PLAIN, sftpUrl, watchedRemote, type Request } from "./support/sftp-place.ts";
import { startSshd } from "./support/sshd.ts";
import { fails, keys, put, read, waiting } from "./support/store-subject.ts";

const MIB = 1 << 20;
/** The first request of those that give an object its name. */
const NAMING = "ext_openssh_hardlink";

const server = await startSshd();
const bare = await startSshd({ sftpFlags: "-P hardlink,posix-rename,fsync" });
after(async () => {
  await server[Symbol.asyncDispose]();
  await bare[Symbol.asyncDispose]();
});

async function place(at = server) {
  const folder = await scratch();
  const url = sftpUrl(at, folder.path);
  const store = await openDriver(url, PLAIN);
  const remote = await watchedRemote(url);
  return {
    folder,
    store,
    remote,
    leftovers: () => readdir(folder.file(".incoming")),
    async [Symbol.asyncDispose]() {
      remote[Symbol.dispose]();
      await store[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

function putSmall(remote: Remote, key: string): Promise<unknown> {
  return putRemote(remote, key, body(key, 10), waiting);
}

test("a put that comes too late takes no file away from one that is under way", async () => {
  await using here = await place();
  const { store, remote } = here;
  await put(store, "taken", 10);
  const slow = slowly("slow", 4 * MIB);
  let given: Promise<unknown> | undefined;
  // the loser has closed its file: the server gives the number of its handle to the next one
  const loser = remote.through(async ({ name, send }) => {
    if (name === NAMING) {
      given = putRemote(remote, "slow", slow.body, waiting);
      await slow.waits;
    }
    return send();
  });
  await fails("object-exists", putSmall(loser, "taken"));
  slow.goOn();
  await given;
  assert.deepEqual(await read(store, "slow"), pattern("slow", 4 * MIB));
  assert.deepEqual(await read(store, "taken"), pattern("taken", 10));
  assert.deepEqual(await here.leftovers(), []);
});

test("whoever makes and removes empty folders at the same time is no harm", async () => {
  await using here = await place();
  const { store, remote, folder } = here;
  const make = () => mkdir(folder.file("a", "b"), { recursive: true });
  const removeOne = () => rmdir(folder.file("a", "b"));
  const removeAll = () => removeOne().then(() => rmdir(folder.file("a")));
  const meddling = [
    [make, removeAll],
    [removeOne, removeAll],
    [removeAll, make],
  ] as const;
  /** A put, with meddlers before some of its requests that give the name. How many there were. */
  const putAmong = async (key: string, at: ReadonlyMap<number, () => Promise<unknown>>) => {
    let requests = 0;
    let isNaming = false;
    const among = remote.through(async ({ name, send }) => {
      isNaming ||= name === NAMING;
      // what is not there cannot be removed
      if (isNaming)
        await at
          .get(requests++)?.()
          .catch(() => {});
      return send();
    });
    await putSmall(among, key);
    assert.deepEqual(await keys(store), [key], `meddled at ${[...at.keys()].join()}`);
    await store.delete(key, waiting);
    return requests;
  };
  const requests = await putAmong("a/b/c", new Map());
  assert.ok(requests > 8, `${requests} requests`);
  for (const [one, other] of meddling) {
    for (let first = 0; first < requests; first++) {
      for (const second of [first + 1, first + 2]) {
        await putAmong(
          "a/b/c",
          new Map([
            [first, one],
            [second, other],
          ]),
        );
      }
    }
  }
  assert.deepEqual(await here.leftovers(), []);
});

/** What becomes of a request whose answer is lost: it was carried out, never will be, or is before a later one. */
type Loss = "done" | "never" | { readonly before: number };

/** Loses the answer of the request with this number, of those from the first of that name on. */
function losing(from: string, at: number, loss: Loss): (request: Request) => Promise<unknown> {
  let requests = 0;
  let isCounting = false;
  let late: (() => Promise<unknown>) | undefined;
  return async ({ name, send }) => {
    isCounting ||= name === from;
    if (!isCounting) return send();
    const number = requests++;
    if (number === at) {
      if (loss === "done") await send().catch(() => {});
      else if (loss !== "never") late = send;
      throw new StoreFailure("store-unreachable", "the answer was lost", { transient: true });
    }
    if (typeof loss === "object" && number === at + loss.before) await late?.().catch(() => {});
    return send();
  };
}

for (const at of [server, bare]) {
  const how = at === server ? "a link" : "renaming";
  test(`a name is given once by ${how}, whichever answer is lost on the way`, async () => {
    await using here = await place(at);
    const { store, remote } = here;
    let count = 0;
    const losses: Loss[] = ["done", "never", ...[1, 2, 3, 4, 5].map((before) => ({ before }))];
    for (let lost = 0; lost < 6; lost++) {
      for (const loss of losses) {
        const key = `k/${count++}`;
        const message = `answer ${lost}, ${JSON.stringify(loss)}`;
        await putSmall(remote.through(losing(NAMING, lost, loss)), key);
        assert.deepEqual(await read(store, key), pattern(key, 10), message);
        assert.deepEqual(await here.leftovers(), [], message);
      }
    }
  });
}

test("a name that is taken stays so, whichever answer is lost on the way", async () => {
  await using here = await place();
  const { store, remote } = here;
  await put(store, "taken", 1000);
  for (let lost = 0; lost < 4; lost++) {
    for (const loss of ["done", "never", { before: 1 }] as const)
      await fails("object-exists", putSmall(remote.through(losing(NAMING, lost, loss)), "taken"));
  }
  assert.deepEqual(await read(store, "taken"), pattern("taken", 1000));
  assert.deepEqual(await here.leftovers(), []);
});

test("a server that says yes to a link and makes none: the object is there, and a taken name stays", async () => {
  await using here = await place();
  const { store, remote } = here;
  const lying = remote.through(async ({ name, send }) => (name === NAMING ? undefined : send()));
  await putSmall(lying, "a/b");
  assert.deepEqual(await read(store, "a/b"), pattern("a/b", 10));
  await put(store, "taken", 1000);
  await fails("object-exists", putSmall(lying, "taken"));
  assert.deepEqual(await read(store, "taken"), pattern("taken", 1000));
  assert.equal(await canLink(lying, waiting.signal), false);
  assert.deepEqual(await here.leftovers(), []);
});

test("a name that is taken at the last moment is told, whatever the server says to the renaming", async () => {
  await using here = await place(bare);
  const { store, remote } = here;
  for (const code of [3, 4, 8]) {
    const key = `a/${code}`;
    const late = remote.through(async ({ name, send }) => {
      if (name !== "rename") return send();
      await put(store, key, 1000);
      throw Object.assign(new Error("refused"), { code });
    });
    await fails("object-exists", putSmall(late, key));
    assert.deepEqual(await read(store, key), pattern(key, 1000));
  }
  assert.deepEqual(await here.leftovers(), []);
});

test("a server that falls silent at the name: an interruption ends, and a late name is that of nothing", async (context) => {
  await using here = await place();
  const { store, remote } = here;
  const silent = Promise.withResolvers<() => Promise<unknown>>();
  const frozen = remote.through(({ name, send }) => {
    if (name !== NAMING) return send();
    silent.resolve(send);
    return new Promise(() => {});
  });
  const stop = new AbortController();
  const reason = new Error("enough");
  const given = putRemote(frozen, "a", body("a", 10), { signal: stop.signal });
  given.catch(() => {});
  const late = await silent.promise;
  context.mock.timers.enable({ apis: ["setTimeout"] });
  stop.abort(reason);
  context.mock.timers.tick(3000);
  await assert.rejects(given, (error) => error === reason);
  await assert.rejects(late(), { code: 2 });
  assert.deepEqual(await keys(store), []);
  assert.deepEqual(await here.leftovers(), []);
});

test("a file that is opened late, by a request whose answer was lost, keeps what is in it", async () => {
  await using here = await place();
  const { store, remote } = here;
  await put(store, "first", 10);
  for (const before of [5, 50, 140]) {
    const late = remote.through(losing("open", 0, { before }));
    await putRemote(late, `late/${before}`, body("late", 4 * MIB), waiting);
    assert.deepEqual(await read(store, `late/${before}`), pattern("late", 4 * MIB));
  }
});
