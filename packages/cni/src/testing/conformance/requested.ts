import type { JsonObject } from "@kx/core/contracts/cni";
import type { CniResult } from "../../plugin/cni-plugin.ts";

/** Where something may be asked for; what counts most first. */
export type RequestPlace = "runtimeConfig" | "args.cni" | "CNI_ARGS";

/** Something that users ask for, with three different values to ask for. */
export interface RequestedField {
  /** In `runtimeConfig` and `args.cni`, such as `mac`. */
  readonly key: string;
  /** In CNI_ARGS. */
  readonly argsKey: string;
  /** The places that the plug-in reads. Default: all. */
  readonly places?: readonly RequestPlace[];
  readonly values: readonly [unknown, unknown, unknown];
  /** Whether a result has what was asked for. */
  readonly isIn: (result: CniResult, value: unknown) => boolean;
}

/** Addresses to ask for, as the plug-in takes them: with or without the length of their prefix. */
export function requestedIps(first: string, second: string, third: string): RequestedField {
  const plain = (text: unknown) => String(text).split("/")[0];
  return {
    key: "ips",
    argsKey: "IP",
    values: [[first], [second], [third]],
    isIn: ({ ips = [] }, value) =>
      (value as readonly string[]).every((ip) => ips.some(({ address }) => plain(address) === plain(ip))),
  };
}

/** Hardware addresses to ask for. */
export function requestedMac(first: string, second: string, third: string): RequestedField {
  return {
    key: "mac",
    argsKey: "MAC",
    values: [first, second, third],
    isIn: ({ interfaces = [] }, value) =>
      interfaces.some(({ mac, sandbox }) => sandbox !== undefined && mac?.toLowerCase() === value),
  };
}

/** What a call holds to ask for a value in a place. */
export function requestIn(
  { key, argsKey }: RequestedField,
  place: RequestPlace,
  value: unknown,
): { readonly config?: JsonObject; readonly args?: string } {
  if (place === "runtimeConfig") return { config: { runtimeConfig: { [key]: value }, capabilities: { [key]: true } } };
  if (place === "args.cni") return { config: { args: { cni: { [key]: value } } } };
  return { args: `IgnoreUnknown=1;${argsKey}=${Array.isArray(value) ? value.join(",") : String(value)}` };
}
