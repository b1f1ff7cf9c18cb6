import { dirname, join } from "node:path";
import { readSmallFile } from "../../io/small-file.ts";
import type { Context } from "../context.ts";

const SECRET = "AGE-SECRET-KEY-";
const USUAL_NAMES = ["identity.txt", "recovery-kit.md"];

/**
 * Warns where a key that opens backups lies on the machine that takes them: then whoever breaks into it can read them
 * all. Looks where HOLDFAST_IDENTITY points, and beside the given files under the names that `init` gives.
 */
export async function warnOfIdentity(
  beside: readonly (string | undefined)[],
  { env, log, signal }: Pick<Context, "env" | "log" | "signal">,
): Promise<void> {
  const folders = new Set(beside.filter((path) => path !== undefined).map((path) => dirname(path)));
  const named = env["HOLDFAST_IDENTITY"] ? [env["HOLDFAST_IDENTITY"]] : [];
  const candidates = [...folders].flatMap((folder) =>
    USUAL_NAMES.map((name) => join(folder, name)),
  );
  for (const path of new Set([...named, ...candidates])) {
    const content = await readSmallFile(path, signal).catch(() => undefined);
    signal.throwIfAborted();
    if (content === undefined || !Buffer.from(content).includes(SECRET)) continue;
    log.warn(
      `"${path}" opens all backups, and lies on the machine that takes them: keep it elsewhere, printed or offline`,
    );
  }
}
