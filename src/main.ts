import { constants } from "node:os";
import { Interruption } from "./cli/context.ts";
import { run } from "./cli/run.ts";

const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(name, () => {
    const interruption = new Interruption(name, constants.signals[name]);
    if (stop.signal.aborted) process.exit(interruption.exitStatus);
    stop.abort(interruption);
  });
}
// A reader that has seen enough (`| head`) is no error: as other programs do, end as if by SIGPIPE.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  const pipe = new Interruption("SIGPIPE", constants.signals.SIGPIPE);
  stop.abort(error.code === "EPIPE" ? pipe : Object.assign(error, { path: "standard output" }));
});
// Nobody reads the events: the work goes on, and the exit status still tells how it ended.
process.stderr.on("error", () => {});

const { env, stdin, stdout, stderr } = process;
process.exit(await run(process.argv.slice(2), { signal: stop.signal, env, stdin, stdout, stderr }));
