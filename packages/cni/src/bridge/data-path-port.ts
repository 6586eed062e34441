import type { Request } from "../netlink/exchange.ts";
import { setBridgePort } from "../rtnl/link-codec.ts";
import type { BridgeAttach } from "./data-path-types.ts";
import { planVlans } from "./data-path-vlan.ts";

/** What a port is set to beyond being one. */
export function planPort(index: number, { hairpin, isolated, vlan }: BridgeAttach): readonly Request[] {
  const settings = { ...(hairpin === true ? { hairpin } : {}), ...(isolated === true ? { isolated } : {}) };
  const options = Object.keys(settings).length === 0 ? [] : [setBridgePort(index, settings)];
  return [...options, ...(vlan === undefined ? [] : planVlans(index, vlan))];
}
