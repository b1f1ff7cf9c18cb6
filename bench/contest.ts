/** Two commands that do the same work, run in turn: ours, the peer's, ours, the peer's, … */
import { measured, type Run, type Usage } from "./measure.ts";

export interface Contest extends AsyncDisposable {
  readonly ours: readonly string[];
  readonly peers: readonly string[];
  /** Makes the place ready for one run, and clean of the one before. */
  prepare(): Promise<void>;
  /** Added to the environment of both. */
  readonly env?: Readonly<Record<string, string>>;
  /** Something that must be the same after a run of either, or the two did not do the same work. */
  outcome(run: Run, by: Side): string | Promise<string>;
}

export interface UsagePair {
  readonly ours: Usage;
  readonly peer: Usage;
}

export type Side = keyof UsagePair;

/** Runs a pair that does not count, for the caches, then as many as are wanted. */
export async function compete(
  contest: Contest,
  pairs: number,
  note: (text: string) => void,
): Promise<UsagePair[]> {
  const counted: UsagePair[] = [];
  for (let round = 0; round <= pairs; round++) {
    const ours = await once(contest, "ours");
    const peer = await once(contest, "peer");
    if (ours.outcome !== peer.outcome)
      throw new Error(`ours ended with ${ours.outcome}, the peer with ${peer.outcome}`);
    note(`${round === 0 ? "warm-up" : round} ${seconds(ours.usage)} : ${seconds(peer.usage)}`);
    if (round > 0) counted.push({ ours: ours.usage, peer: peer.usage });
  }
  return counted;
}

async function once(contest: Contest, by: Side) {
  await contest.prepare();
  const run = await measured(by === "ours" ? contest.ours : contest.peers, contest.env);
  return { usage: run.usage, outcome: await contest.outcome(run, by) };
}

function seconds({ wallMs }: Usage): string {
  return `${(wallMs / 1000).toFixed(2)} s`;
}
