import { KxError } from "@kx/core";
import { formatIp, parseIp } from "@kx/core/units";
import { findWay } from "../rtnl/route-lookup.ts";
import { sharedRtnl } from "../rtnl/shared-rtnl.ts";
import { forgetUdpFlows, type UdpFlow } from "./conntrack.ts";
import { type HostPort, type HostPorts, isOneAddress } from "./host-ports-table.ts";
import { writeSysctl } from "./sysctl.ts";

/** What of an attachment's ports matters here. */
type Ports = Pick<HostPorts, "addresses" | "ports" | "masquerade">;

/** What is to be done where other rules than those of nftables lead to the container. */
export function hostPortsSettle(request: Ports): readonly string[] {
  letLoopbackOut(request);
  return forgetOldFlows(request);
}

/** Lets packets from 127.0.0.1 leave the node by the interfaces that lead to the container. */
export function letLoopbackOut({ addresses, masquerade = true }: Ports): void {
  if (!masquerade) return;
  const ipv4 = addresses.filter((address) => !address.includes(":"));
  if (ipv4.length === 0) return;
  const rtnl = sharedRtnl();
  for (const address of ipv4) {
    const index = findWay(rtnl, plain(address))?.index;
    const name = index === undefined ? undefined : rtnl.findLink(index)?.name;
    if (name !== undefined) writeSysctl(["net", "ipv4", "conf", name, "route_localnet"], "1");
  }
}

/**
 * Flows of UDP by these ports are remembered as they went before: to the node itself, to nobody, or to another.
 *
 * @returns what did not matter enough to fail, in words.
 */
export function forgetOldFlows({ addresses, ports }: Ports): readonly string[] {
  const udp = ports.filter(({ protocol }) => protocol === "udp");
  if (udp.length === 0) return [];
  const own = addresses.map(plain);
  const rtnl = sharedRtnl();
  const isBy = ({ destination, port }: UdpFlow, { hostPort, hostIp }: HostPort) =>
    port === hostPort &&
    (isOneAddress(hostIp) ? destination === plain(hostIp) : findWay(rtnl, destination)?.isLocal === true);
  const numbers = new Set(udp.map(({ hostPort }) => hostPort));
  const isOld = (flow: UdpFlow) => !own.includes(flow.answerer) && udp.some((port) => isBy(flow, port));
  try {
    for (const address of own) forgetUdpFlows(parseIp(address).family, numbers, isOld);
    return [];
  } catch (error) {
    // They end by themselves after a while.
    return [KxError.from(error).reason];
  }
}

/** An address as the kernel writes it, without the length of its prefix. */
function plain(address: string): string {
  return formatIp(parseIp(address.replace(/\/.*/, "")));
}
