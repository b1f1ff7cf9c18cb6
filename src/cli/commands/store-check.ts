import { Command, Option } from "commander";
import { HoldfastError } from "../../errors.ts";
import type { Check, CheckStep } from "../../store/check.ts";
import type { Persistence } from "../../store/retry.ts";
import type { Capabilities } from "../../store/store.ts";
import { parseByteCount } from "../flags/byte-count.ts";
import type { Context } from "../context.ts";
import { addHelpSections } from "../help.ts";
import { formatOutput, outputOption, type OutputFormat } from "../texts/output.ts";
import { humanSize } from "../texts/size.ts";

interface Flags {
  readonly output: OutputFormat;
  readonly size: number;
}

/** Whoever checks a store wants to hear soon that it is not well. */
const PERSISTENCE: Persistence = { stallMs: 15_000, noProgressMs: 20_000, firstPauseMs: 250 };

/** `holdfast store check`. */
export function storeCheckCommand(context: Context): Command {
  const command = new Command("check")
    .description(
      "Tries everything that a repository asks of a store: writes, reads back, reads parts, lists, writes again under the " +
        "same name, deletes; measures it; and says what it can and cannot do. Objects of its own are written under a new " +
        "name and removed again.",
    )
    .argument("<url>", "the store, or the place in it where a repository is or will be")
    .addOption(outputOption())
    .addOption(
      new Option("--size <bytes>", "of the object that is measured")
        .argParser(parseByteCount)
        .default(64 << 20, "64Mi"),
    )
    .action((url: string, flags: Flags) => check(url, flags, context));
  return addHelpSections(command, {
    examples: [
      { what: "A folder", command: "holdfast store check /var/backups/etcd" },
      {
        what: "A bucket of a service of your own",
        command:
          "holdfast store check 's3://backups/prod?endpoint=https://s3.example.com&region=eu-1'",
      },
      {
        what: "For programs",
        command: "holdfast store check gs://backups/prod -o json | jq .capabilities",
      },
    ],
    failures: [
      "store-url",
      "store-full",
      "store-refused",
      "store-read-only",
      "store-unreachable",
      "store-throttled",
      "store-misconfigured",
      "store-wrong-answer",
    ],
  });
}

async function check(url: string, { output, size }: Flags, context: Context): Promise<void> {
  const { openStore } = await import("../../store/open.ts");
  const { checkStore } = await import("../../store/check.ts");
  const { env, log, signal, stdout } = context;
  await using store = await openStore(url, { env, log, signal, persistence: PERSISTENCE });
  const asText = output === "text";
  const onStep = (step: CheckStep): void => void (asText && stdout.write(`${stepText(step)}\n`));
  const found = await checkStore(store, { bytes: size, signal, onStep });
  stdout.write(
    await formatOutput(output, { url: store.url, size, ...found }, () => summary(found, size)),
  );
  const failed = found.steps.find(({ outcome }) => outcome === "failed");
  if (failed === undefined) return;
  throw new HoldfastError(failed.code ?? "failed", `${failed.name}: ${failed.message}`, {
    ...(failed.hint !== undefined && { hint: failed.hint }),
  });
}

const OUTCOMES: Readonly<Record<CheckStep["outcome"], string>> = {
  ok: "ok",
  warning: "warning",
  failed: "FAILED",
  skipped: "-",
};

function stepText({ name, outcome, message, hint }: CheckStep): string {
  const line = `${name.padEnd(10)} ${OUTCOMES[outcome].padEnd(8)} ${message}`;
  return hint === undefined ? line : `${line}\n${" ".repeat(20)}${hint}`;
}

const ABILITIES: readonly (readonly [keyof Capabilities, yes: string, no: string])[] = [
  [
    "conditionalPut",
    "refuses by itself a name that is taken",
    "does not refuse by itself a name that is taken; names are drawn, so that hardly matters",
  ],
  ["objectLock", "locks new objects against deletion", "does not lock objects against deletion"],
  [
    "versioning",
    "keeps deleted objects as older versions: they go on costing until a rule removes them",
    "keeps nothing of deleted objects",
  ],
];

function summary(found: Check, size: number): string {
  const { capabilities, latencyMs, uploadBytesPerSecond: up, downloadBytesPerSecond: down } = found;
  const lines = [""];
  if (capabilities !== undefined)
    for (const [name, yes, no] of ABILITIES) lines.push(`It ${capabilities[name] ? yes : no}.`);
  if (latencyMs !== undefined) lines.push(`Small requests take ${latencyMs} ms.`);
  const rates = [
    ...(up === undefined ? [] : [`writes ${humanSize(up)}/s`]),
    ...(down === undefined ? [] : [`reads ${humanSize(down)}/s`]),
  ];
  if (rates.length > 0) lines.push(`It ${rates.join(" and ")} (one object of ${humanSize(size)}).`);
  lines.push(found.ok ? "A repository can be kept there." : "A repository cannot be kept there.");
  return lines.join("\n");
}
