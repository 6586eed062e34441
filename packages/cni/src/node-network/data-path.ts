import { formatIp, lastIp, parseCidr } from "@kx/core/units";
import { exclusive } from "../net/nft-once.ts";
import {
  deleteTable,
  type NftSet,
  newChain,
  newElements,
  newRule,
  newSet,
  newTable,
  type Table,
} from "../nft/codec.ts";
import { address, decide, inRange, isFamily, lookup, masquerade } from "../nft/expressions.ts";
import { sharedNft } from "../nft/shared-nft.ts";
import { deleteRoute, newRoute } from "../rtnl/route-codec.ts";
import { sharedRtnl } from "../rtnl/shared-rtnl.ts";
import type { NodeMasquerade } from "./plan-masquerade.ts";
import type { KernelFacts, RoutePlan } from "./plan-routes.ts";

/** Marks routes as this program's (rtm_protocol): a number that nobody else is known to use. */
const protocol = 107;
const mainTable = 254;
const unicast = 1;

/** What of the node's network plans are made from. */
export function nodeNetworkRead(): KernelFacts {
  const host = sharedRtnl();
  const routes = ([4, 6] as const).flatMap((family) => host.routes({ family, table: mainTable }));
  return {
    links: host.links().map(({ index, name, mtu }) => ({ index, name, mtu })),
    addresses: host.addresses().map(({ index, address: text }) => ({ index, address: text })),
    routes: routes
      .filter(({ kind }) => kind === unicast)
      .map(({ destination, gateway, index, ...route }) => {
        return { destination, gateway, index, isOurs: route.protocol === protocol };
      }),
  };
}

/** What is to be made of a node. */
export interface NodeNetworkApply extends Pick<RoutePlan, "set" | "remove"> {
  readonly masquerade: NodeMasquerade;
}

/** Makes it so. @throws KxError `KX_CNI_NETLINK`. */
export function nodeNetworkApply({ set, remove, masquerade: wanted }: NodeNetworkApply): void {
  const host = sharedRtnl();
  host.request(
    ...set.map((route) => newRoute({ ...route, protocol }, "replace")),
    ...remove.map(({ destination, gateway, index = 0 }) => ({
      ...deleteRoute({ destination, index, protocol, ...(gateway === undefined ? {} : { gateway }) }),
      expect: ["ESRCH"],
    })),
  );
  applyMasquerade(wanted);
}

const table: Table = { family: "inet", name: "kx_node" };
const chain = "postrouting";
const sourceNat = 100;
const multicast = { 4: parseCidr("224.0.0.0/4"), 6: parseCidr("ff00::/8") } as const;

/** Rules as many as families; the ranges of all nodes' pods are in a set. All of it is replaced at once. */
function applyMasquerade({ families, mark }: NodeMasquerade): void {
  const nft = sharedNft();
  const rules = nft.rules(table, chain);
  if (rules.length > 0 && rules.every(({ comment }) => comment === mark)) return;
  const rule = (expressions: Parameters<typeof newRule>[2]["expressions"]) =>
    newRule(table, chain, { expressions, comment: mark });
  const ofFamily = ({ family, own, pods }: NodeMasquerade["families"][number]) => {
    const set: NftSet = { name: `pods${family}`, key: [family === 4 ? "ipv4" : "ipv6"], interval: true };
    const ranges = pods.map((cidr) => parseCidr(cidr));
    return [
      newSet(table, set),
      newElements(
        table,
        set,
        ranges.map((range) => ({ key: [formatIp(range.base)], keyEnd: [formatIp(lastIp(range))] })),
      ),
      rule([...isFamily(family), ...inRange("destination", multicast[family]), decide("return")]),
      rule([
        ...isFamily(family),
        ...inRange("source", parseCidr(own)),
        address("destination", family),
        lookup(set.name, { inverted: true }),
        masquerade(),
      ]),
    ];
  };
  nft.transact(
    newTable(table),
    deleteTable(table),
    exclusive(newTable(table)),
    newChain(table, { name: chain, base: { type: "nat", hook: "postrouting", priority: sourceNat } }),
    ...families.flatMap(ofFamily),
  );
}
