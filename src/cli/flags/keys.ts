/**
 * Keys, as files that flags and variables name: who backups are sealed to and signed by, what opens them, and whose
 * signatures count. They come from this machine, never from a store. A flag counts more than its variable.
 */
import { Option, type Command } from "commander";
import { HoldfastError, type ErrorCode } from "../../errors.ts";
import { shellWord } from "../../format/shell-word.ts";
import { permissionsOf, readSmallFile } from "../../io/small-file.ts";
import { systemWords } from "../../io/system-error.ts";
import type { Sign, Trust } from "../../repository/trust.ts";
import type { Identities } from "../../seal/identities.ts";
import type { AskPassphrase, KeyFile } from "../../seal/key-file.ts";
import type { Recipients } from "../../seal/recipients.ts";
import { askSecret } from "../terminal/ask-secret.ts";
import type { Context } from "../context.ts";

const SEALS = ["recipients", "passphrase", "none"] as const;

interface KeyFlags {
  readonly recipientsFile?: string;
  readonly seal?: (typeof SEALS)[number];
  readonly signingKey?: string;
  readonly identity?: readonly string[];
  readonly allowedSigners?: string;
}

/** `--recipients-file` and `--seal`. */
export function addSealFlags(command: Command): Command {
  return command
    .option(
      "--recipients-file <file>",
      "public keys to seal to: age or SSH recipients, or OpenPGP keys (HOLDFAST_RECIPIENTS_FILE)",
    )
    .addOption(
      new Option("--seal <how>", "to recipients, with a passphrase, or not at all")
        .choices(SEALS)
        .default("recipients"),
    );
}

/** `--signing-key`. */
export function addSigningKeyFlag(command: Command): Command {
  return command.option(
    "--signing-key <file>",
    "Ed25519 key in OpenSSH's format to sign with (HOLDFAST_SIGNING_KEY)",
  );
}

/** `--identity`. */
export function addIdentityFlag(command: Command): Command {
  return command.addOption(
    new Option(
      "--identity <file>",
      "what opens sealed backups: an age identity file, an SSH or OpenPGP private key; may be repeated (HOLDFAST_IDENTITY)",
    ).argParser((file: string, before: readonly string[] | undefined) => [...(before ?? []), file]),
  );
}

/** `--allowed-signers`. */
export function addAllowedSignersFlag(command: Command): Command {
  return command.option(
    "--allowed-signers <file>",
    "whose signatures count, in the format of ssh-keygen(1) (HOLDFAST_ALLOWED_SIGNERS)",
  );
}

/** Who to seal to. Throws "usage" where nothing says it; `--seal none` is told aloud. */
export async function readRecipients(command: Command, context: Context): Promise<Recipients> {
  const { recipientsFile, seal } = command.opts<KeyFlags>();
  const { NO_RECIPIENTS, parseRecipients, passphraseRecipients } =
    await import("../../seal/recipients.ts");
  if (seal === "none") {
    context.log.warn(
      "--seal none: whoever can read the store can read every Secret that the database holds",
    );
    return NO_RECIPIENTS;
  }
  if (seal === "passphrase")
    return passphraseRecipients(await passphraseOf(context)("what will be sealed"));
  const path = recipientsFile ?? context.env["HOLDFAST_RECIPIENTS_FILE"];
  if (!path)
    throw new HoldfastError("usage", "nobody is named to seal the backup to", {
      hint: "give --recipients-file FILE or HOLDFAST_RECIPIENTS_FILE (holdfast init makes one), or say --seal none",
    });
  return parseRecipients(await readKeyFile(path, "recipients-unusable", context));
}

/** Who signs; undefined where no key is named. */
export async function readSign(command: Command, context: Context): Promise<Sign | undefined> {
  const path = command.opts<KeyFlags>().signingKey ?? context.env["HOLDFAST_SIGNING_KEY"];
  if (!path) return undefined;
  const { readSigningKey } = await import("../../seal/signing-key.ts");
  const { signWith } = await import("../../repository/trust.ts");
  const file = await readSecretFile(path, "signing-key-unusable", context);
  return signWith(await readSigningKey(file, passphraseOf(context)));
}

/** As `readSign`; throws "usage" where no key is named. */
export async function requireSign(command: Command, context: Context): Promise<Sign> {
  const sign = await readSign(command, context);
  if (sign !== undefined) return sign;
  throw new HoldfastError("usage", "there is no key to sign with", {
    hint: "give --signing-key FILE, or HOLDFAST_SIGNING_KEY; holdfast init makes one",
  });
}

/** What opens backups; undefined where none is named and no passphrase is known. */
export async function readIdentities(
  command: Command,
  context: Context,
): Promise<Identities | undefined> {
  const { env } = context;
  const fromEnv = env["HOLDFAST_IDENTITY"] ? [env["HOLDFAST_IDENTITY"]] : [];
  const paths = command.opts<KeyFlags>().identity ?? fromEnv;
  const mayAsk = hasPassphrase(env) || context.stdin.isTTY === true;
  if (paths.length === 0 && !mayAsk) return undefined;
  const { parseIdentities } = await import("../../seal/identities.ts");
  const files = await Promise.all(
    paths.map((path) => readSecretFile(path, "identity-unusable", context)),
  );
  return parseIdentities(files, passphraseOf(context));
}

/** Whose signatures count; undefined where that is not said. */
export async function readTrust(
  command: Command,
  context: Pick<Context, "env" | "signal">,
): Promise<Trust | undefined> {
  const path = command.opts<KeyFlags>().allowedSigners ?? context.env["HOLDFAST_ALLOWED_SIGNERS"];
  if (!path) return undefined;
  const { parseAllowedSigners } = await import("../../seal/signature.ts");
  const { trustIn } = await import("../../repository/trust.ts");
  return trustIn(parseAllowedSigners(await readKeyFile(path, "allowed-signers-unusable", context)));
}

async function readKeyFile(
  path: string,
  code: ErrorCode,
  { signal }: Pick<Context, "signal">,
): Promise<KeyFile> {
  try {
    return { name: path, content: await readSmallFile(path, signal) };
  } catch (error) {
    signal.throwIfAborted();
    throw new HoldfastError(code, `cannot use "${path}": ${systemWords(error)}`, { cause: error });
  }
}

/** Of a file that holds a secret: who else can read it is told, as ssh-keygen(1) does. */
async function readSecretFile(path: string, code: ErrorCode, context: Context): Promise<KeyFile> {
  const file = await readKeyFile(path, code, context);
  const mode = await permissionsOf(path);
  if (mode !== undefined && (mode & 0o077) !== 0)
    context.log.warn(
      `"${path}" can be used by others than its owner (mode ${mode.toString(8).padStart(4, "0")}): chmod 600 ${shellWord(path)}`,
    );
  return file;
}

function hasPassphrase(env: Context["env"]): boolean {
  return Boolean(env["HOLDFAST_PASSPHRASE"] || env["HOLDFAST_PASSPHRASE_FILE"]);
}

/** From HOLDFAST_PASSPHRASE, the first line of HOLDFAST_PASSPHRASE_FILE, or a person. */
function passphraseOf(context: Context): AskPassphrase {
  const { env } = context;
  return async (what) => {
    if (env["HOLDFAST_PASSPHRASE"]) return env["HOLDFAST_PASSPHRASE"];
    const path = env["HOLDFAST_PASSPHRASE_FILE"];
    if (path) {
      const { content } = await readSecretFile(path, "identity-unusable", context);
      return Buffer.from(content).toString().split(/\r?\n/, 1)[0]!;
    }
    const unanswered = (): HoldfastError =>
      new HoldfastError("usage", `there is no passphrase for ${what}`, {
        hint: "set HOLDFAST_PASSPHRASE_FILE, or HOLDFAST_PASSPHRASE",
      });
    return askSecret({ prompt: `Passphrase for ${what}: `, unanswered }, context);
  };
}
