import assert from "node:assert/strict";
import { test } from "node:test";
import { Command, type Option } from "commander";
import { runCommand } from "../../test/support/cli.ts";
import { silentLog } from "../io/log.ts";
import { addSwitchesOff, fromGoFlags, locateCommand, SWITCHES } from "./arguments.ts";
import type { Context } from "./context.ts";
import { createProgram } from "./program.ts";

function isGroup(words: readonly string[]): boolean {
  return words.join() === "snapshot";
}

function located(line: string): string {
  const { words, rest } = locateCommand(line.split(" "), isGroup);
  return `${words.join(" ")} | ${rest.join(" ")}`;
}

test("flags in front of a command move behind it, with their values", () => {
  assert.equal(located("snapshot save a.db --key k"), "snapshot save | a.db --key k");
  assert.equal(
    located("--endpoints https://a:2379 --cacert=ca --debug snapshot --key k save a.db -w json"),
    "snapshot save | --endpoints https://a:2379 --cacert=ca --debug --key k a.db -w json",
  );
  assert.equal(located("--user snapshot --hex hashkv"), "hashkv | --user snapshot --hex");
  assert.equal(located("-wjson snapshot status a.db"), "snapshot status | -wjson a.db");
  assert.equal(located("inspect -"), "inspect | -");
  assert.equal(located("--debug"), " | --debug");
  assert.equal(located("snapshot -- save"), "snapshot | -- save");
});

/** Of a command and all below it. */
function optionsOf(command: Command): Option[] {
  return [...command.options, ...command.commands.flatMap(optionsOf)];
}

test("every switch of every command may stand in front of it, and nothing that takes a value is one", async () => {
  const context = { log: silentLog, env: {}, stdout: process.stdout } as unknown as Context;
  const options = optionsOf(await createProgram(context, () => true));
  for (const { long, short, required, negate } of options) {
    for (const name of [long, short].filter((one) => one !== undefined && !negate))
      assert.equal(SWITCHES.has(name!), !required, name);
  }
  const { status, stderr } = await runCommand(["--yes", "prune", "--repo", "/nowhere"]);
  assert.deepEqual([status, /unknown/.test(stderr)], [128, false], stderr);
});

function switches(): Command {
  return new Command("x")
    .option("--hex")
    .option("--rev <n>")
    .option("--no-safe")
    .option("--tls", "", true);
}

test("switches take Go's truth values, short flags an equals sign, and nothing changes behind --", () => {
  const { options } = switches();
  assert.deepEqual(fromGoFlags(["--hex=true", "--hex=F", "-w=json", "--rev=0"], options), [
    "--hex",
    "--no-hex",
    "-wjson",
    "--rev=0",
  ]);
  assert.deepEqual(fromGoFlags(["--", "--hex=true", "-w=json"], options), [
    "--",
    "--hex=true",
    "-w=json",
  ]);
  assert.throws(() => fromGoFlags(["--hex=maybe"], options), { code: "unknown-flag" });
});

function parse(...argv: string[]): Record<string, unknown> {
  const command = switches();
  addSwitchesOff(command);
  command.parse(fromGoFlags(argv, command.options), { from: "user" });
  return command.opts();
}

test("the value of a flag is never taken for a flag", () => {
  const { options } = switches();
  assert.deepEqual(fromGoFlags(["--rev", "--hex=true", "--rev=-w=x"], options), [
    "--rev",
    "--hex=true",
    "--rev=-w=x",
  ]);
});

test("every switch can be turned off, and the last word counts", () => {
  assert.deepEqual(parse(), { safe: true, tls: true });
  assert.deepEqual(parse("--hex", "--hex=false", "--tls=0"), {
    safe: true,
    hex: false,
    tls: false,
  });
  assert.deepEqual(parse("--hex=false", "--hex=true"), { safe: true, hex: true, tls: true });
});

test("the flags that turn switches off do not show in the help", () => {
  const command = switches();
  addSwitchesOff(command);
  assert.doesNotMatch(command.helpInformation(), /--no-hex/);
});
