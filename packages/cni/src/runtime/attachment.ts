import { KxError } from "@kx/core";
import { cniNamePattern, interfaceNamePattern, type JsonObject } from "@kx/core/contracts/cni";

/** One interface of one container. */
export interface AttachmentTarget {
  readonly containerId: string;
  /** Such as `eth0`. */
  readonly ifName: string;
  /** Path of the network namespace. ADD needs one. Default: that of the ADD, from the cache. */
  readonly netns?: string;
  /** CNI_ARGS. Default: those of the ADD. */
  readonly args?: Readonly<Record<string, string>>;
  /** Values by capability; each plug-in gets those of the capabilities that it declares. Default: those of the ADD. */
  readonly capabilityArgs?: JsonObject;
}

/** @throws KxError `KX_CNI_TARGET` that names everything that is wrong. */
export function checkTarget({ containerId, ifName, args = {} }: AttachmentTarget): void {
  const badArg = Object.entries(args).find(([key, value]) => !/^[^=;]+$/.test(key) || value.includes(";"));
  const problems = [
    ...(cniNamePattern.test(containerId) ? [] : [`${JSON.stringify(containerId)} is no container id`]),
    ...(interfaceNamePattern.test(ifName) ? [] : [`${JSON.stringify(ifName)} is no name of an interface`]),
    ...(badArg === undefined ? [] : [`${badArg.join("=")} is no argument`]),
  ];
  if (problems.length > 0) throw new KxError("KX_CNI_TARGET", problems.join("; "));
}
