/** The leases of a live member, with what they hold. */
import { bytesText, concatBytes } from "../../src/format/bytes.ts";
import { readFields, varintField } from "../../src/format/protobuf.ts";
import type { TestClient } from "../support/client.ts";

export interface HeldLease {
  readonly id: bigint;
  readonly grantedSeconds: bigint;
  readonly keys: readonly string[];
}

/** All leases, ascending by id, each with its keys in order. */
export async function leasesOf(client: TestClient): Promise<HeldLease[]> {
  const listed = await client.call("/etcdserverpb.Lease/LeaseLeases", new Uint8Array(0));
  const ids: bigint[] = [];
  for (const { number, bytes } of readFields(listed)) {
    if (number !== 2) continue;
    for (const field of readFields(bytes)) if (field.number === 1) ids.push(field.varint);
  }
  const leases: HeldLease[] = [];
  for (const id of ids.toSorted((a, b) => (a < b ? -1 : 1))) leases.push(await lease(client, id));
  return leases;
}

async function lease(client: TestClient, id: bigint): Promise<HeldLease> {
  const request = concatBytes([varintField(1, id), varintField(2, 1)]);
  const answer = await client.call("/etcdserverpb.Lease/LeaseTimeToLive", request);
  let grantedSeconds = 0n;
  const keys: string[] = [];
  for (const { number, varint, bytes } of readFields(answer)) {
    if (number === 4) grantedSeconds = varint;
    if (number === 5) keys.push(bytesText(bytes));
  }
  return { id, grantedSeconds, keys: keys.toSorted() };
}
