import { deleteLink } from "../rtnl/link-codec.ts";
import { sharedRtnl } from "../rtnl/shared-rtnl.ts";
import { masqueradeCollect } from "./masquerade.ts";
import { upstreamMasqueradeCollect } from "./masquerade-upstream.ts";
import { hostEndName, isHostEndName, type Owner, readOwnerAlias } from "./owner.ts";
import { spoofCheckCollect } from "./spoof-check.ts";

/** What of a network is still in use. */
export interface Collect {
  readonly network: string;
  /** Absent if nobody said: then what has an interface is, as that goes with its namespace. */
  readonly valid?: readonly Owner[];
}

/** Removes links, masquerading and checks of senders that belong to no valid attachment of a network. Gives the links. */
export function attachmentsCollect({ network, valid }: Collect): readonly string[] {
  const host = sharedRtnl();
  const ends = host.links().filter(({ name, kind }) => kind === "veth" && isHostEndName(name));
  const own = ends.flatMap(({ name, index, alias }) => {
    const owner = readOwnerAlias(alias);
    return owner?.network === network ? [{ name, index, owner }] : [];
  });
  const keep = new Set(valid?.map(hostEndName) ?? own.map(({ name }) => name));
  const stale = own.filter(({ name }) => !keep.has(name));
  host.request(...stale.map(({ index }) => ({ ...deleteLink(index), expect: ["ENODEV"] })));
  // An interface that does not tell whose it is, as its names are too long for that, may be this network's.
  const isSure = valid !== undefined || ends.every(({ alias }) => readOwnerAlias(alias) !== undefined);
  if (isSure) collectRules(network, valid ?? own.map(({ owner }) => owner));
  return stale.map(({ name }) => name);
}

function collectRules(network: string, keep: readonly Owner[]): void {
  masqueradeCollect(network, keep);
  upstreamMasqueradeCollect(network, keep);
  spoofCheckCollect(network, keep);
}
