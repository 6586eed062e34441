import { join, resolve } from "node:path";
import { KxError } from "@kx/core";
import { cniNamePattern, interfaceNamePattern } from "@kx/core/contracts/cni";
import { parseCidr } from "@kx/core/units";
import { conflistFile } from "../node-network/conflist-file.ts";
import { type ConflistSettings, conflistName, planConflist } from "../node-network/plan-conflist.ts";

/** A network on one node, without an agent that knows of others. */
export interface InstalledNetwork extends Partial<Omit<ConflistSettings, "ipMasq">> {
  /** Where the runtime looks for configurations. */
  readonly confDir: string;
  /** The ranges of the node's pods, at most one a family. Default: `10.244.0.0/24`. */
  readonly subnets?: readonly string[];
  /** Of the bridge and the containers' interfaces. Default: the kernel's, 1500. */
  readonly mtu?: number;
}

/** The file that a network is written to. */
export function conflistPath({ confDir, network = "kx" }: Pick<InstalledNetwork, "confDir" | "network">): string {
  return join(resolve(confDir), conflistName(network));
}

/**
 * Checks what a network is to be.
 *
 * @throws KxError `KX_CNI_INSTALL` that tells all that is wrong; that of `parseCidr`.
 */
export function checkNetwork(installed: InstalledNetwork): void {
  const { network, bridge, podCidrs } = complete(installed);
  const families = podCidrs.map((cidr) => parseCidr(cidr).base.family);
  const isOneEach = families.length > 0 && new Set(families).size === families.length;
  const problems = [
    ...(cniNamePattern.test(network) ? [] : [`${JSON.stringify(network)} is no name of a network`]),
    ...(interfaceNamePattern.test(bridge) ? [] : [`${JSON.stringify(bridge)} is no name of an interface`]),
    ...(isOneEach ? [] : ["a network has one range for IPv4, for IPv6, or for each"]),
  ];
  if (problems.length > 0) throw new KxError("KX_CNI_INSTALL", problems.join("; "));
}

/** Writes a network's configuration. Gives the one that runtimes take in its place, as its name sorts before. */
export async function writeNetwork(installed: InstalledNetwork): Promise<string | undefined> {
  const { podCidrs, ...settings } = complete(installed);
  const file = conflistFile(resolve(installed.confDir), conflistName(settings.network));
  await file.write(planConflist({ podCidrs }, settings, installed.mtu));
  return await file.shadow();
}

function complete({ network = "kx", bridge = "cni0", statusPolicy = "ready-once", subnets }: InstalledNetwork) {
  return { network, bridge, statusPolicy, ipMasq: true, podCidrs: subnets ?? ["10.244.0.0/24"] };
}
