/**
 * What every driver has to pass against a real server. A driver's test calls `storeContract` with a way to open an
 * empty store; each test opens its own.
 */
import { describe } from "node:test";
import type { Capabilities } from "../../src/store/store.ts";
import { crowds, listings, names, reads, removals, sweeping } from "./store-contract-objects.ts";
import { brokenPuts, conditions, roundTrips } from "./store-contract-puts.ts";
import { inStores, type Subject } from "./store-subject.ts";

export interface Contract {
  open(): Promise<Subject>;
  /** What the store is known to be able to. */
  readonly expected: Capabilities;
  /** The largest object that is put, 64 MiB and a bit when left out. */
  readonly largest?: number;
  /** More than one page of a listing, 1100 when left out. */
  readonly many?: number;
  /** False where nothing of an interrupted put can be found again: it goes by itself. */
  readonly sweeps?: false;
  /** Why the suite cannot run here. */
  readonly skip?: string | false;
}

/** Registers the suite. */
export function storeContract(name: string, contract: Contract): void {
  describe(`${name} keeps the contract of stores`, { skip: contract.skip ?? false }, () => {
    const inStore = inStores(() => contract.open());
    roundTrips(inStore, contract.largest ?? (64 << 20) + 12_345);
    brokenPuts(inStore);
    conditions(inStore, contract.expected);
    reads(inStore);
    listings(inStore, contract.many ?? 1100);
    names(inStore);
    removals(inStore);
    if (contract.sweeps !== false) sweeping(inStore);
    crowds(inStore);
  });
}
