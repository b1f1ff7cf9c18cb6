import assert from "node:assert/strict";
import { test } from "node:test";
import { createLog, type Log, type LogSettings } from "./log.ts";

function capture(settings: Partial<LogSettings>): { log: Log; lines: string[] } {
  const lines: string[] = [];
  const log = createLog((line) => lines.push(line), {
    format: "text",
    debug: false,
    color: false,
    ...settings,
  });
  return { log, lines };
}

test("text lines say the level of what is not mere news, and the fields in brackets", () => {
  const { log, lines } = capture({});
  log.info("snapshot saved", { path: "a.db", bytes: 3, revision: 7n, skipped: undefined });
  log.warn("no trailer");
  log.error("cannot connect", { cause: new Error("refused") });
  log.debug("never shown");
  assert.deepEqual(lines, [
    "snapshot saved (path=a.db, bytes=3, revision=7)",
    "Warning: no trailer",
    "Error: cannot connect (cause=refused)",
  ]);
});

test("json lines carry time, level, message and fields, one line each", () => {
  const { log, lines } = capture({ format: "json", debug: true });
  log.debug("two\nlines", { revision: 2n ** 62n });
  const event = JSON.parse(lines[0]!) as Record<string, unknown>;
  assert.match(String(event["time"]), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  assert.equal(event["level"], "debug");
  assert.equal(event["message"], "two\nlines");
  assert.match(lines[0]!, /"revision":4611686018427387904\}$/);
  assert.equal(lines[0]!.includes("\n"), false);
});

test("control characters of others never reach a terminal", () => {
  const { log, lines } = capture({ color: true });
  log.warn("name \u001b[2J\u009b1m", { key: "a\rb" });
  assert.deepEqual(lines, ["\u001b[1;33mWarning: \u001b[0mname \\x1b[2J\\x9b1m (key=a\\x0db)"]);
});
