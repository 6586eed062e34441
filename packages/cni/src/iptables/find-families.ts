import { readFileSync } from "node:fs";
import type { Table } from "../nft/codec.ts";
import type { Nft } from "../nft/nft.ts";
import { sharedNft } from "../nft/shared-nft.ts";
import type { Family, TablePlace } from "./iptables.ts";

/** What iptables may have: a chain, with more rules than are of no interest if that is told; or names that begin so. */
export type Trace = { readonly chain: string; readonly spare?: number } | { readonly prefix: string };

/** Where to look for traces of iptables, any of which counts. */
export interface FindFamilies {
  readonly table: TablePlace["table"];
  readonly traces: readonly Trace[];
}

/**
 * The families in which iptables may have one of them, so that its programs need not be run to find out that it has none.
 * What the older variant keeps is not seen here: there, a table that is in use may have it.
 */
export function iptablesFamilies({ table, traces }: FindFamilies): readonly Family[] {
  const nft = sharedNft();
  const has = (family: "ip" | "ip6") => traces.some((trace) => hasTrace(nft, { family, name: table }, trace));
  const isMeant = (family: "ip" | "ip6") => has(family) || legacyTables(family).includes(table);
  return [...(isMeant("ip") ? [4 as const] : []), ...(isMeant("ip6") ? [6 as const] : [])];
}

function hasTrace(nft: Nft, table: Table, trace: Trace): boolean {
  if ("prefix" in trace) return nft.chains(table).some((name) => name.startsWith(trace.prefix));
  const { chain, spare } = trace;
  return spare === undefined ? nft.hasChain(table, chain) : nft.rules(table, chain).length > spare;
}

function legacyTables(family: "ip" | "ip6"): readonly string[] {
  try {
    return readFileSync(`/proc/thread-self/net/${family}_tables_names`, "utf8").split("\n");
  } catch {
    // The kernel has none of that.
    return [];
  }
}
