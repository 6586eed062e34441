import { KxError } from "@kx/core";
import type { Dns, PluginConfig } from "@kx/core/contracts/cni";
import { compareIps, firstUsableIp, formatIp, parseIp, parseIpInCidr } from "@kx/core/units";
import type { CniContext, CniResult, GcRequest } from "./cni-plugin.ts";

/** What address management gave. */
export type GivenAddresses = Required<Pick<CniResult, "ips" | "routes">> & Pick<CniResult, "dns">;

/** The plug-in that a configuration leaves addresses to; undefined if it has none, as a network of frames alone. */
export function ipamType({ ipam }: Pick<PluginConfig, "ipam">): string | undefined {
  return ipam?.type === undefined || ipam.type === "" ? undefined : ipam.type;
}

/**
 * Asks address management for an attachment's addresses; if the call fails later they are given back.
 *
 * @throws KxError its own, or `KX_CNI_RESULT` if it gave no address.
 */
export async function askForAddresses(ctx: CniContext, type: string): Promise<GivenAddresses> {
  const { ips = [], routes = [], dns } = await ctx.delegate(type);
  if (ips.length === 0) throw new KxError("KX_CNI_RESULT", `the plug-in ${type} gave no address`);
  return { ips, routes, ...(dns === undefined ? {} : { dns }) };
}

/**
 * The router of an address: the one that address management names, else the first address of its subnet.
 *
 * @param who - is to be that router, for the message.
 * @throws KxError `KX_CNI_CONFIG` if nobody can be.
 */
export function routerOf({ address, gateway }: GivenAddresses["ips"][number], who: string): string {
  const { ip, cidr } = parseIpInCidr(address);
  const router = gateway === undefined || gateway === "" ? firstUsableIp(cidr) : parseIp(gateway);
  if (router.family === ip.family && compareIps(router, ip) !== 0) return formatIp(router);
  const why = router.family === ip.family ? "the container has that itself" : "that is of the other family";
  throw new KxError("KX_CNI_CONFIG", `${who} cannot be ${formatIp(router)}, the gateway of ${address}: ${why}`, {
    remedy: "let address management keep the gateway's address, or name another as gateway",
  });
}

/** The configuration's own settings of names, if it has any, come before those of address management. */
export function dnsOf(configured: Dns | undefined, given: Dns | undefined): { readonly dns?: Dns } {
  const { nameservers, search, options, domain = "" } = configured ?? {};
  const isSet = [nameservers, search, options].some((list) => list !== undefined) || domain !== "";
  const dns = isSet ? configured : given;
  return dns === undefined ? {} : { dns };
}

/** Passes STATUS, CHECK, DEL or GC on to address management, if there is any. */
export async function passOn(ctx: CniContext, config: Pick<PluginConfig, "ipam">): Promise<void> {
  const type = ipamType(config);
  if (type !== undefined) await ctx.delegate(type);
}

/**
 * Does the steps of a GC, each although another failed.
 *
 * @throws KxError the failure, or `KX_CNI_GC` with all of them.
 */
export async function collectAll(...steps: readonly (() => Promise<unknown>)[]): Promise<void> {
  const failures: KxError[] = [];
  for (const step of steps) await step().catch((error: unknown) => void failures.push(KxError.from(error)));
  const [first, ...more] = failures;
  if (first === undefined) return;
  if (more.length === 0) throw first;
  throw new KxError("KX_CNI_GC", failures.map(({ reason }) => reason).join("; "), {
    cause: first,
    details: { failures: failures.map(({ message }) => message) },
  });
}

/** The attachments of a network that are still in use, as the kernel's side knows them; absent if nobody said. */
export function validOwners({ config, validAttachments }: GcRequest<unknown>) {
  const valid = validAttachments?.map(({ containerID, ifname }) => ({
    network: config.name,
    containerId: containerID,
    ifName: ifname,
  }));
  return { network: config.name, ...(valid === undefined ? {} : { valid }) };
}

/** The host's end in the result of an ADD, as far as that tells: of several names, the one that is not the bridge's. */
export function hostEndIn({ interfaces = [] }: CniResult, bridge?: string): { readonly hostIfName?: string } {
  const found = interfaces.find(({ name, sandbox }) => !sandbox && name !== bridge);
  return found === undefined ? {} : { hostIfName: found.name };
}

/** The container's interface in the result of an ADD, with its addresses. */
export function ownPart(
  { interfaces = [], ips = [] }: CniResult,
  ifName: string,
): { readonly mac?: string; readonly ips: NonNullable<CniResult["ips"]> } {
  const index = interfaces.findIndex(({ name, sandbox }) => name === ifName && sandbox !== undefined && sandbox !== "");
  const mac = interfaces[index]?.mac;
  return {
    ...(mac === undefined || mac === "" ? {} : { mac }),
    // Results of the first versions do not tell whose an address is.
    ips: ips.filter((ip) => ip.interface === undefined || ip.interface === index),
  };
}
