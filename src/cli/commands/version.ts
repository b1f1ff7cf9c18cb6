import { Command } from "commander";
import { hasNativeCrc32c } from "../../io/crc32c.ts";
import type { Context } from "../context.ts";
import { addHelpSections } from "../help.ts";
import { formatOutput, outputOption, type OutputFormat } from "../texts/output.ts";
import { packageVersion } from "../package-version.ts";

/** `holdfast version`. */
export function versionCommand({ stdout }: Context): Command {
  const command = new Command("version")
    .description("Prints the version, and what it runs on: what a report of a fault should say.")
    .addOption(outputOption())
    .action(async ({ output }: { output: OutputFormat }) => {
      stdout.write(await formatOutput(output, versionDocument(), versionText));
    });
  return addHelpSections(command, {
    examples: [
      { what: "For people", command: "holdfast version" },
      { what: "For a report", command: "holdfast version -o json" },
    ],
    failures: [],
  });
}

function versionDocument() {
  return {
    version: packageVersion(),
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    nativeCrc32c: hasNativeCrc32c,
  };
}

function versionText(): string {
  const { version, node, platform, nativeCrc32c } = versionDocument();
  return [
    `holdfast version: ${version}`,
    `node: ${node}`,
    `platform: ${platform}`,
    `native CRC-32C: ${nativeCrc32c ? "yes" : "no, the slower portable one is used"}`,
  ].join("\n");
}
