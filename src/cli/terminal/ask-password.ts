import { HoldfastError } from "../../errors.ts";
import { askSecret } from "./ask-secret.ts";
import type { Context } from "../context.ts";

/** Asks for a user's password on the terminal, without showing it. Throws "usage" where there is no terminal. */
export function askPassword(
  user: string,
  context: Pick<Context, "stdin" | "stderr" | "signal">,
): Promise<string> {
  const unanswered = (): HoldfastError =>
    new HoldfastError("usage", `there is no password for the user "${user}"`, {
      hint: "set ETCDCTL_PASSWORD, or give --password-file FILE",
    });
  return askSecret({ prompt: "Password: ", unanswered }, context);
}
