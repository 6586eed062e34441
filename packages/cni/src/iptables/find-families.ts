import { readFileSync } from "node:fs";
import { sharedNft } from "../nft/shared-nft.ts";
import type { Family, TablePlace } from "./iptables.ts";

/** Which traces of iptables to look for. */
export interface FindFamilies {
  readonly table: TablePlace["table"];
  /** The name of a chain, or how names of chains begin. */
  readonly chain: string | { readonly prefix: string };
  /** With this, the chain counts only if it has more rules than so many. */
  readonly spare?: number;
}

/**
 * The families in which iptables may have such a chain, so that its programs need not be run to find out that it has none.
 * What the older variant keeps is not seen here: there, a table that is in use may have it.
 */
export function iptablesFamilies({ table, chain, spare }: FindFamilies): readonly Family[] {
  const nft = sharedNft();
  const has = (family: "ip" | "ip6") => {
    const place = { family, name: table };
    if (typeof chain !== "string") return nft.chains(place).some((name) => name.startsWith(chain.prefix));
    return spare === undefined ? nft.hasChain(place, chain) : nft.rules(place, chain).length > spare;
  };
  const isMeant = (family: "ip" | "ip6") => has(family) || legacyTables(family).includes(table);
  return [...(isMeant("ip") ? [4 as const] : []), ...(isMeant("ip6") ? [6 as const] : [])];
}

function legacyTables(family: "ip" | "ip6"): readonly string[] {
  try {
    return readFileSync(`/proc/thread-self/net/${family}_tables_names`, "utf8").split("\n");
  } catch {
    // The kernel has none of that.
    return [];
  }
}
