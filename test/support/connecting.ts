/** What the tests of the client have in common. */
import assert from "node:assert/strict";
import { HoldfastError, type ErrorCode } from "../../src/errors.ts";
import { createClusterClient, type EndpointOptions } from "../../src/etcd/cluster-client.ts";

const LIMIT = 30_000;

export function open(endpoints: readonly string[], more: Partial<EndpointOptions> = {}) {
  return createClusterClient({ endpoints, noProgressMs: LIMIT, ...more });
}

/** The work has to fail with this code, in these words and with a hint. */
export async function fails(code: ErrorCode, words: RegExp, work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof HoldfastError, String(error));
    assert.match(error.message, words);
    assert.equal(error.code, code, error.message);
    assert.notEqual(error.hint, undefined);
    return true;
  });
}

/** Tries until it works or fails in another way: some things take a member or the gRPC library a moment. */
export async function until<T>(transient: RegExp, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === 200 || !transient.test(String(error))) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
