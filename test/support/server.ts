/** Servers of the tests that say by HTTP when they are ready. */
import { setTimeout as sleep } from "node:timers/promises";
import { start, type ProgramOptions } from "./program.ts";

const READY_WITHIN_MS = 120_000;

export interface Server {
  /** SIGTERM, and the end of the process. */
  stop(): Promise<void>;
}

/** Starts a program and waits until `url` answers with a status below 500, or with a certificate that nobody knows. */
export async function startServer(
  program: string,
  args: readonly string[],
  options: ProgramOptions,
  url: string,
): Promise<Server> {
  const running = start(program, args, options);
  let ended: string | undefined;
  running.finished.then(
    ({ stdout, stderr }) => (ended = `${stdout}${stderr}`),
    (error: unknown) => (ended = String(error)),
  );
  const from = Date.now();
  while (!(await answers(url))) {
    if (ended !== undefined) throw new Error(`${program} ended: ${ended}`);
    if (Date.now() - from > READY_WITHIN_MS) throw new Error(`${program} does not get ready`);
    await sleep(20);
  }
  return {
    async stop() {
      running.kill("SIGTERM");
      await running.finished;
    },
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url);
    await answer.body?.cancel();
    return answer.status < 500;
  } catch (error) {
    // who shows a certificate of ours listens
    const { code } = (error as Error).cause as NodeJS.ErrnoException;
    return code === "UNABLE_TO_VERIFY_LEAF_SIGNATURE";
  }
}
