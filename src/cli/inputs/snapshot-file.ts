/** Snapshots as a command line names them: a file, a pipe, or - for standard input. */
import { HoldfastError } from "../../errors.ts";
import { lookForHolder } from "../../inspect/file.ts";
import { inspectStream } from "../../inspect/inspect.ts";
import type { Inspection } from "../../inspect/report.ts";
import { openPipe } from "../../io/pipe.ts";
import { fileSource, iterableSource, type ByteSource } from "../../io/source.ts";
import { systemWords } from "../../io/system-error.ts";
import type { Context } from "../context.ts";

/** What messages call it: its path in quotes, or standard input. */
export function snapshotName(file: string): string {
  return file === "-" ? "standard input" : JSON.stringify(file);
}

type OpenSnapshot = ByteSource & AsyncDisposable;

/** Opens it for one reading from the start. Reading a pipe that says nothing ends when the signal is aborted. */
export async function openSnapshot(
  file: string,
  { stdin, signal }: Pick<Context, "stdin" | "signal">,
): Promise<OpenSnapshot> {
  const stream = file === "-" ? stdin : await openPipe(file).catch(unopened(file));
  if (stream === undefined) return namedSource(file, await fileSource(file).catch(unopened(file)));
  // Whoever reads gets the error; without a listener one that comes between two readings would end the process.
  stream.on("error", () => {});
  const stop = (): void => void stream.destroy(signal.reason as Error);
  // The iterator tells of it, but listens only from the first read on.
  stream.on("error", () => {});
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop);
  return {
    ...iterableSource(stream),
    async [Symbol.asyncDispose]() {
      signal.removeEventListener("abort", stop);
      stream.destroy();
    },
  };
}

const HINTS: Readonly<Record<string, string>> = {
  ENOENT: "check the path; holdfast snapshot save makes a snapshot",
  ENOTDIR: "check the path: a part of it is a file",
  EACCES: "run it as a user that may read it",
};

function unopened(file: string): (error: NodeJS.ErrnoException) => never {
  return (cause) => {
    const hint = HINTS[cause.code ?? ""];
    const message = `cannot open ${snapshotName(file)}: ${systemWords(cause)}`;
    throw new HoldfastError("failed", message, { cause, ...(hint !== undefined && { hint }) });
  };
}

/** Errors of reading do not say which file it was. */
function namedSource(file: string, source: OpenSnapshot): OpenSnapshot {
  return {
    ...source,
    read: (into) =>
      source.read(into).catch((cause: NodeJS.ErrnoException) => {
        if (cause.code === "EISDIR")
          throw new HoldfastError(
            "not-a-snapshot",
            `invalid database: ${snapshotName(file)} is a directory`,
          );
        throw Object.assign(cause, { path: file });
      }),
  };
}

/** Inspects it, with a progress bar. A file without trailer may be in use: the report says by whom. */
export async function inspectSnapshot(
  file: string,
  context: Context,
  options: { requireTrailer?: boolean } = {},
): Promise<Inspection> {
  await using source = await openSnapshot(file, context);
  using bar = context.progress("reading", source.sizeHint);
  const inspection = await inspectStream(source, {
    ...options,
    signal: context.signal,
    progress: (bytes) => bar.update(bytes),
  });
  return file === "-" ? inspection : await lookForHolder(inspection, file);
}
