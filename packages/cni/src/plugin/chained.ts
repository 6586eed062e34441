import { KxError } from "@kx/core";
import type { AttachmentRequest, CniResult } from "./cni-plugin.ts";

/**
 * The result of the plug-ins before, which a chained plug-in passes on with its own edits.
 *
 * @throws KxError `KX_CNI_CONFIG` if there is none.
 */
export function requireChained(plugin: string, prevResult: CniResult | undefined): CniResult {
  if (prevResult !== undefined) return prevResult;
  throw new KxError("KX_CNI_CONFIG", `${plugin} must be called as a chained plug-in: there is no prevResult`, {
    remedy: "put it after the plug-in that attaches containers, in the network's list of plug-ins",
  });
}

/** Whose attachment a call is about, as the kernel's side knows it. */
export function ownerOf({
  config,
  containerId,
  ifName,
}: Pick<AttachmentRequest<unknown>, "config" | "containerId" | "ifName">) {
  return { network: config.name, containerId, ifName };
}

/** The container's addresses in a result, with the lengths of their prefixes. */
export function containerAddresses(result: CniResult | undefined, ifName: string): readonly string[] {
  const { ips = [], interfaces = [] } = result ?? {};
  const isContainers = (index: number | undefined) => {
    const found = index === undefined ? undefined : interfaces[index];
    // Results of the first versions do not tell whose an address is.
    return found === undefined || (found.name === ifName && Boolean(found.sandbox));
  };
  return ips.filter((ip) => isContainers(ip.interface)).map(({ address }) => address);
}

/** Names of the node's interfaces in a result. */
export function hostInterfaces(result: CniResult | undefined): readonly string[] {
  return (result?.interfaces ?? []).filter(({ sandbox }) => !sandbox).map(({ name }) => name);
}

/** @throws KxError `KX_CNI_CHECK` if there are problems. */
export function requireNone(
  { ifName, containerId }: Pick<AttachmentRequest<unknown>, "ifName" | "containerId">,
  problems: readonly string[],
): void {
  if (problems.length === 0) return;
  throw new KxError("KX_CNI_CHECK", `${ifName} of ${containerId}: ${problems.join("; ")}`, {
    details: { problems },
    remedy: "delete the pod, so that its network is made anew",
  });
}
