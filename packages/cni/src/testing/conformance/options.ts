import type { JsonObject } from "@kx/core/contracts/cni";
import type { CniResult } from "../../plugin/cni-plugin.ts";
import type { TestNetns } from "../netns.ts";
import type { PluginUnderTest } from "../plugin-call.ts";
import type { RequestedField } from "./requested.ts";

/**
 * What a plug-in is for. `interface` makes one and may leave addresses to another plug-in; `addresses` manages addresses
 * (IPAM); `chained` comes behind others and passes their result on.
 */
export type PluginRole = "interface" | "addresses" | "chained";

/** An attachment as the suite's hooks see it. */
export interface TestedAttachment {
  readonly containerId: string;
  readonly ifName: string;
  /** Path of its network namespace. */
  readonly netns: string;
  /** The namespace itself; absent where the suite runs without root, on stand-ins. */
  readonly inside?: TestNetns;
  /** The namespace that plays the node; absent where there is none. */
  readonly host?: TestNetns;
}

/** What the conformance suite runs on. */
export type ConformanceOptions = PluginUnderTest & {
  /** The plug-in's configuration. Default of `cniVersion`: 1.1.0; of `name`: `kx-conformance`. */
  readonly config: JsonObject;
  /** Fields of the configuration that each attachment has for itself, such as a port of the node. `number` tells them apart. */
  readonly configOf?: (number: number) => JsonObject;
  /** Default: as `guessRole` finds. */
  readonly role?: PluginRole;
  /** CNI_PATH, where delegates are looked for. Default: the folder of the executable, else `/opt/cni/bin`. */
  readonly path?: readonly string[];
  /** Variables that every call has beside those of CNI. PATH is that of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** The interface's name in containers; `lo` for a plug-in of loopback. Default: `eth0`. */
  readonly ifName?: string;
  /**
   * The namespace that plays the node. An executable runs in it. Default: a new one for executables that make or change
   * interfaces. What is in it is compared before and after.
   */
  readonly host?: TestNetns;
  /** Whether containers get network namespaces of their own, which needs root. Default: if this process has it. */
  readonly namespaces?: boolean;
  /** What the plug-ins before a chained one gave. Default: an interface that the suite makes. */
  readonly prevResult?: (attachment: TestedAttachment) => CniResult | Promise<CniResult>;
  /** What the plug-in keeps for attachments, as lines that are compared before and after. `stateOfFolder` reads files. */
  readonly state?: () => readonly string[] | Promise<readonly string[]>;
  /** Changes of the configuration with which only so many attachments fit, such as a range of one address. */
  readonly full?: { readonly config: JsonObject; readonly fits: number };
  /** Changes of the configuration that make it another network's. Default: another `name`. */
  readonly otherNetwork?: JsonObject;
  /** Ways to break an attachment behind the plug-in's back, by name; CHECK must notice each. */
  readonly damages?: Readonly<Record<string, (attachment: TestedAttachment) => void | Promise<void>>>;
  /** Brings about that ADD cannot work, until it is disposed of; STATUS must tell. */
  readonly unavailable?: () => Promise<AsyncDisposable>;
  /** What may be asked for by `runtimeConfig`, `args.cni` and CNI_ARGS. See `requestedIps` and `requestedMac`. */
  readonly requested?: readonly RequestedField[];
  /** Cases that do not hold for this plug-in, by id or requirement, with the reason. They are not run. */
  readonly exempt?: Readonly<Record<string, string>>;
  /** Cases that are known to fail, by id, with the reason. One that passes all the same is reported. */
  readonly knownGaps?: Readonly<Record<string, string>>;
  /** Only these cases, by id or requirement. Default: all. */
  readonly only?: readonly string[];
  /** How long one call may take, in milliseconds. Default: 60,000. */
  readonly timeoutMs?: number;
  /** How long what goes with a vanished namespace may take to go, in milliseconds. Default: 20,000. */
  readonly settleMs?: number;
};

/** The role that a configuration tells: with a `prevResult` chained, of the type of its `ipam` address management. */
export function guessRole(config: JsonObject): PluginRole {
  if (config["prevResult"] !== undefined) return "chained";
  const { ipam, type } = config;
  const hasAddresses = typeof ipam === "object" && ipam !== null && Reflect.get(ipam, "type") === type;
  return hasAddresses && type !== undefined ? "addresses" : "interface";
}
