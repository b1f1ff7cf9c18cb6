import assert from "node:assert/strict";
import { test } from "node:test";
import { Arena } from "./arena.ts";

test("what was kept is there again, nothing included", () => {
  const arena = new Arena(8 << 20);
  const bytes = Uint8Array.from({ length: 3 << 20 }, (_, i) => i * 7);
  const lengths = [0, 1, 0, 1 << 20, 0, 5, (1 << 20) - 5, 0, 600_000, 600_000, 1 << 20, 0];
  const kept = lengths.map((length, i) => ({ length, i, position: arena.keep(bytes, i, length) }));
  for (const { length, i, position } of kept) {
    assert.deepEqual(arena.read(position, length), bytes.slice(i, i + length));
    assert.equal(arena.matches(position, bytes, i, length), true);
    assert.equal(arena.matches(position, bytes, i + 1, length), length === 0);
  }
});

test("it holds no more than its limit, and nothing longer than 1 MiB", () => {
  const arena = new Arena(2 << 20);
  const bytes = new Uint8Array(2 << 20);
  assert.equal(arena.keep(bytes, 0, (1 << 20) + 1), -1);
  assert.deepEqual(
    Array.from({ length: 4 }, () => arena.keep(bytes, 0, 1 << 20)),
    [0, 1 << 20, -1, -1],
  );
});
