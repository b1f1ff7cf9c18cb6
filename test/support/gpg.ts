/** gpg with a key ring of its own. */
import { mkdir } from "node:fs/promises";
import { stock, stockOutput, toolPath } from "./stock.ts";

export interface Gpg extends AsyncDisposable {
  /** Runs gpg, which has to succeed, and gives what it wrote. */
  run(args: readonly string[], input?: Uint8Array): Promise<Buffer>;
  /** Its exit status, whatever that is. */
  status(args: readonly string[], input?: Uint8Array): Promise<number | null>;
}

/** The folder is made; disposing ends the agent that gpg has started. */
export async function openGpg(folder: string, passphrase: string): Promise<Gpg> {
  await mkdir(folder, { mode: 0o700 });
  const agent = ["--homedir", folder, "--agent-program", await toolPath("gpg-agent")];
  const unattended = ["--batch", "--yes", "--pinentry-mode", "loopback", "--trust-model", "always"];
  const common = [...agent, ...unattended, "--passphrase", passphrase];
  return {
    run: (args, input) => stockOutput("gpg", [...common, ...args], input && { input }),
    status: async (args, input) =>
      (await stock("gpg", [...common, ...args], input && { input })).status,
    async [Symbol.asyncDispose]() {
      await stock("gpg-connect-agent", [
        "--homedir",
        folder,
        "--no-autostart",
        "KILLAGENT",
        "/bye",
      ]);
    },
  };
}
