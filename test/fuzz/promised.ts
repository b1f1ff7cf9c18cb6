/** The errors that every parser may end with. */

/** Errors that a parser of the command line hands to commander, which knows what to do. */
export const isForCommander = (error: unknown): boolean =>
  error instanceof Error && (error as { code?: string }).code === "commander.invalidArgument";

function isPromised(error: unknown): boolean {
  return (error instanceof Error && error.name === "HoldfastError") || isForCommander(error);
}

/** For several calls in one target: the errors that are promised do not keep the next from being made. */
export function ignoringOurs(call: () => unknown): void {
  try {
    call();
  } catch (error) {
    if (!isPromised(error)) throw error;
  }
}

/** The same for what ends later. */
export async function ignoringOursLater(call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (!isPromised(error)) throw error;
  }
}
