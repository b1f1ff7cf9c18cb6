/**
 * Writes the pages of `docs/` that come from the program itself: `node scripts/docs.ts`. A test holds them to what
 * this would write.
 */
import { writeFile } from "node:fs/promises";
import { PassThrough } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import type { Context } from "../src/cli/context.ts";
import { createProgram } from "../src/cli/program.ts";
import { ERRORS, type ErrorCode } from "../src/errors.ts";
import { FINDINGS, type FindingCode, type FindingKind } from "../src/inspect/finding-codes.ts";
import { silentLog } from "../src/io/log.ts";
import { manifestSchema } from "../src/repository/manifest-schema.ts";

/** The pages by file name in `docs/`. */
export async function generatedPages(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ["errors.md", errorsPage()],
    ["findings.md", findingsPage()],
    ["cli.md", await commandLinePage()],
    ["manifest.schema.json", manifestSchema()],
  ]);
}

function errorsPage(): string {
  const codes = (Object.keys(ERRORS) as ErrorCode[]).toSorted(
    (a, b) => ERRORS[a].exit - ERRORS[b].exit || (a < b ? -1 : 1),
  );
  return [
    "# Errors",
    "",
    "Written by `node scripts/docs.ts` from the table in `src/errors.ts`.",
    "",
    "A command that fails says why on standard error, and often what to try next. With `--log-format json` that is one",
    "line of JSON with `level` `error`, the `code` from below and `exitStatus`. Codes and statuses never change meaning;",
    "texts may. Statuses below 10 and 128 are those of etcdctl and etcdutl for the same situations; those from 10 on",
    "are our own. 0 means that the command did what it says. 128 and the number of a signal (130 for Ctrl-C, 143 for",
    "SIGTERM) mean that it was interrupted, and left nothing half done.",
    "",
    "| exit status | code | what it means | what to do |",
    "|---|---|---|---|",
    ...codes.map((code) => {
      const { exit, meaning, remedy } = ERRORS[code];
      return `| ${exit} | \`${code}\` | ${cell(meaning)} | ${cell(remedy)} |`;
    }),
    "",
  ].join("\n");
}

function findingsPage(): string {
  const codes = (Object.keys(FINDINGS) as FindingCode[]).toSorted((a, b) =>
    FINDINGS[a].severity === FINDINGS[b].severity ? 0 : FINDINGS[a].severity === "error" ? -1 : 1,
  );
  return [
    "# Findings",
    "",
    "Written by `node scripts/docs.ts` from the table in `src/inspect/finding-codes.ts`.",
    "",
    "What `holdfast inspect` and every command that reads a snapshot can find in it. An error is what changes the restored",
    "state, stops a boot, or is refused by etcd's own tools; a command then ends with status 10 (see `errors.md`), unless",
    "`--accept-finding CODE` is given for each. Everything else is a warning. A finding names page, byte offset, bucket and",
    "key as far as they are known. Only 20 of a code are listed; the last one says how many more there are. Codes never",
    "change meaning; texts may.",
    "",
    "Pages that are not in use are never looked at: they hold old bytes.",
    "",
    "| severity | code | what it means |",
    "|---|---|---|",
    ...codes.map((code) => {
      const { severity, meaning, except }: FindingKind = FINDINGS[code];
      const shown = except === undefined ? severity : `${severity} (${except})`;
      return `| ${shown} | \`${code}\` | ${cell(meaning)} |`;
    }),
    "",
  ].join("\n");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

async function commandLinePage(): Promise<string> {
  const output = new PassThrough({ encoding: "utf8" });
  const program = await createProgram(contextOf(output), () => true);
  const helpOf = (command: Command): string => {
    command.outputHelp();
    return String(output.read()).trimEnd();
  };
  return [
    "# Command line",
    "",
    "Written by `node scripts/docs.ts`: the help of every command.",
    "",
    ...commands(program).flatMap((command) => [
      `## ${pathOf(command)}`,
      "",
      "```text",
      helpOf(command),
      "```",
      "",
    ]),
  ].join("\n");
}

function commands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(commands)];
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

/** For printing help: nothing is run. */
function contextOf(stdout: PassThrough): Context {
  return {
    signal: new AbortController().signal,
    env: {},
    log: silentLog,
    stdin: new PassThrough(),
    stdout,
    stderr: new PassThrough(),
    progress: () => ({ update() {}, [Symbol.dispose]() {} }),
  };
}

if (import.meta.main) {
  for (const [name, text] of await generatedPages())
    await writeFile(fileURLToPath(new URL(`../docs/${name}`, import.meta.url)), text);
}
