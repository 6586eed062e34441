import { KxError } from "@kx/core";
import { openNetns } from "../net/open-netns.ts";
import { hostEndName, type Owner } from "../net/owner.ts";
import { openRtnl } from "../rtnl/rtnl.ts";
import { sharedRtnl } from "../rtnl/shared-rtnl.ts";

/** An attachment that may not be ready to be used yet. */
export interface BridgeUnsettled {
  readonly owner: Owner;
  readonly netns: string;
  /** Whether its IPv6 addresses are asked about. */
  readonly duplicateDetection?: boolean;
}

/**
 * What an attachment still waits for, in words; nothing when it can be used. For the caller to ask again after a while,
 * since waiting here would hold up everybody else.
 *
 * @throws KxError `KX_CNI_DUPLICATE_ADDRESS` if others have one of its addresses.
 */
export function bridgeUnsettled({ owner, netns, duplicateDetection = false }: BridgeUnsettled): readonly string[] {
  const host = sharedRtnl();
  const name = hostEndName(owner);
  const down = host.findLink(name)?.isRunning === true ? [] : [`the port ${name} is not up`];
  if (!duplicateDetection) return down;
  using container = openNetns(netns);
  return [...down, ...container.enter(() => tentative(owner.ifName))];
}

function tentative(ifName: string): readonly string[] {
  using pod = openRtnl();
  const own = pod.addresses({ index: pod.link(ifName).index, family: 6 });
  const taken = own.filter(({ isDuplicate }) => isDuplicate).map(({ address }) => address);
  if (taken.length > 0) {
    throw new KxError("KX_CNI_DUPLICATE_ADDRESS", `another host has ${taken.join(", ")} of ${ifName}`, {
      details: { addresses: taken },
    });
  }
  return own.filter(({ isTentative }) => isTentative).map(({ address }) => `${address} is still being asked about`);
}
