import type { JsonObject } from "@kx/core/contracts/cni";

/** One call of a plug-in for address management. */
export interface IpamCall {
  readonly command: "ADD" | "DEL" | "CHECK" | "STATUS" | "GC";
  /** Default: `a`. */
  readonly containerId?: string;
  /** Default: `eth0`. */
  readonly ifName?: string;
  /** Default: this process's own namespace. */
  readonly netns?: string;
  readonly ipam: JsonObject;
  /** Default: 1.1.0. */
  readonly cniVersion?: string;
  /** Default: `net`. */
  readonly network?: string;
  /** CNI_ARGS. */
  readonly args?: string;
  /** Other fields of the configuration. */
  readonly fields?: JsonObject;
}

/** The variables and the standard input of a call. */
export function ipamCall(call: IpamCall): { readonly env: Readonly<Record<string, string>>; readonly stdin: string } {
  const { command, containerId = "a", ifName = "eth0", netns = "/proc/self/ns/net" } = call;
  const { ipam, cniVersion = "1.1.0", network = "net", args, fields } = call;
  const attachment = { CNI_CONTAINERID: containerId, CNI_IFNAME: ifName, CNI_NETNS: netns, CNI_NETNS_OVERRIDE: "1" };
  const isOfAttachment = command !== "STATUS" && command !== "GC";
  return {
    env: {
      CNI_COMMAND: command,
      CNI_PATH: "/nowhere",
      ...(isOfAttachment ? attachment : {}),
      ...(args === undefined ? {} : { CNI_ARGS: args }),
    },
    stdin: JSON.stringify({ cniVersion, name: network, type: "ipvlan", ipam, ...fields }),
  };
}
