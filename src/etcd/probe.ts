import { HoldfastError } from "../errors.ts";
import { createPatience } from "../io/patience.ts";
import type { CallOptions, Connection } from "./connection.ts";
import { Maintenance, type StatusResponse } from "./gen/etcdserverpb/rpc_pb.ts";

/** What one endpoint answered when all were asked for their status at once. */
export interface Probe {
  readonly connection: Connection;
  readonly answer: StatusResponse | HoldfastError;
}

export interface ProbeOptions extends CallOptions {
  /** How long the others may still take once one has answered. */
  readonly stragglersMs: number;
}

/**
 * Asks all endpoints for their status at the same time. Ends when all have answered or failed, or `stragglersMs`
 * after the first answer. In the order of `connections`. Throws when not one of them answers, and "usage" when they
 * belong to different clusters.
 */
export async function probe(
  connections: readonly Connection[],
  { signal: outer, stragglersMs }: ProbeOptions,
): Promise<Probe[]> {
  const late = () =>
    new HoldfastError("no-progress", `no answer ${stragglersMs / 1000} s after the first one`);
  using patience = createPatience(stragglersMs, outer, late);
  const { signal } = patience;
  let isFirst = true;
  const ask = async (connection: Connection): Promise<Probe> => {
    try {
      const answer = await connection.unary(Maintenance.method.status, {}, { signal });
      if (isFirst) patience.start();
      isFirst = false;
      return { connection, answer };
    } catch (error) {
      outer?.throwIfAborted();
      if (!(error instanceof HoldfastError)) throw error;
      return { connection, answer: error };
    }
  };
  const probes = await Promise.all(connections.map(ask));
  const failures = probes.map(({ answer }) => answer).filter((one) => one instanceof HoldfastError);
  if (failures.length === probes.length) throw allFailed(failures);
  requireOneCluster(probes);
  return probes;
}

function requireOneCluster(probes: readonly Probe[]): void {
  const found = new Map<bigint | undefined, string>();
  for (const { connection, answer } of probes)
    if (!(answer instanceof HoldfastError))
      found.set(answer.header?.clusterId, connection.endpoint.text);
  if (found.size > 1)
    throw new HoldfastError(
      "usage",
      `the endpoints belong to different clusters: ${[...found].map(([id, text]) => `"${text}" to ${id?.toString(16)}`).join(", ")}`,
      { hint: "give the endpoints of one cluster" },
    );
}

/** One error for several that came of trying the same at several endpoints. */
export function allFailed(failures: readonly HoldfastError[]): HoldfastError {
  const [first, ...others] = failures;
  if (first === undefined) throw new RangeError("nothing has failed");
  if (others.length === 0) return first;
  const isSame = others.every(({ code }) => code === first.code);
  // who was reached has more to say than who was not
  const { hint } = failures.find(({ code }) => code !== "connection-failed") ?? first;
  return new HoldfastError(
    isSame ? first.code : "connection-failed",
    `none of ${failures.length} endpoints can be used: ${failures.map(({ message }) => message).join("; ")}`,
    { ...(hint !== undefined && { hint }), cause: first.cause },
  );
}
