import { KxError, type Schema } from "@kx/core";
import { miniSchema } from "@kx/core/config";
import type { PluginConfig, PortMapping } from "@kx/core/contracts/cni";
import { formatIp, parseIp } from "@kx/core/units";
import * as z from "zod/mini";
import type { HostPort } from "../net/host-ports.ts";
import { isOneAddress } from "../net/host-ports-table.ts";

/** The fields of kx-portmap. The ports come from the runtime, by the capability `portMappings`. */
export interface PortmapConfig {
  /** `nftables`, or `iptables` by its programs. Default: `iptables` with options of that alone, else `nftables`. */
  readonly backend?: string;
  /**
   * Of nftables. `sets`: an element of a map for each port. `upstream`: the tables of the Go plug-in, with a rule for each port.
   * Default: `upstream` with conditions, else `sets`.
   */
  readonly layout?: "sets" | "upstream";
  /** Whether the container may reach itself by the node's port, and the node by 127.0.0.1. Default: true. */
  readonly snat?: boolean;
  /** Whether all who come by the node's port are seen as the node. Default: false. */
  readonly masqAll?: boolean;
  /** Of iptables: the bit of a packet's mark that asks for masquerading. Default: 13. */
  readonly markMasqBit?: number;
  /** Of iptables: a chain of nat that marks packets to be masqueraded, in the place of the plug-in's own. */
  readonly externalSetMarkChain?: string;
  /** Which packets to the node's ports are meant, in the words of the backend: iptables(8) or nft(8). Default: all. */
  readonly conditionsV4?: readonly string[];
  readonly conditionsV6?: readonly string[];
}

// A line's end would begin another command of the programs that read it.
const line = z.string().check(z.regex(/^[^\n\r\0]*$/, "must be one line"));
const lines = z.exactOptional(z.array(line));
const bits = "must be the number of a bit, from 0 to 31";

// Not loose: a field that is not known here must not come in the place of what the kit made of it.
export const portmapConfig: Schema<PortmapConfig> = miniSchema(
  z.object({
    backend: z.exactOptional(z.string()),
    layout: z.exactOptional(z.enum(["sets", "upstream"], "must be sets or upstream")),
    snat: z.exactOptional(z.boolean()),
    masqAll: z.exactOptional(z.boolean()),
    markMasqBit: z.exactOptional(z.int(bits).check(z.minimum(0, bits), z.maximum(31, bits))),
    externalSetMarkChain: z.exactOptional(line),
    conditionsV4: lines,
    conditionsV6: lines,
  }),
);

type Config = PluginConfig & PortmapConfig;

/** What makes the node's ports lead to containers. */
export type PortmapKind = "sets" | "upstream" | "iptables";

/**
 * The ports that a configuration asks for.
 *
 * @throws KxError `KX_CNI_CONFIG` with all that is wrong.
 */
export function readPorts(config: Config): readonly HostPort[] {
  const mappings = config.runtimeConfig?.portMappings ?? [];
  const problems = [...fieldProblems(config), ...mappings.flatMap(mappingProblems), ...clashes(mappings)];
  if (problems.length > 0) throw new KxError("KX_CNI_CONFIG", `the configuration is wrong: ${problems.join("; ")}`);
  return mappings.map(toHostPort);
}

/** What the ports are to be made with. */
export function kindOf(config: PortmapConfig): PortmapKind {
  const { backend = fieldsOf("iptables", config).length > 0 ? "iptables" : "nftables", layout } = config;
  if (backend === "iptables") return "iptables";
  return layout ?? (fieldsOf("nftables", config).length > 0 ? "upstream" : "sets");
}

/** Conditions of a family, of which an empty text is none. */
export function conditionsOf({ conditionsV4 = [], conditionsV6 = [] }: PortmapConfig, family: 4 | 6) {
  return (family === 4 ? conditionsV4 : conditionsV6).filter((condition) => condition !== "");
}

function fieldProblems(config: Config): readonly string[] {
  const { backend, layout, markMasqBit, externalSetMarkChain } = config;
  const isBoth = markMasqBit !== undefined && externalSetMarkChain !== undefined;
  const kind = kindOf(config);
  const foreign = fieldsOf(kind === "iptables" ? "nftables" : "iptables", config);
  const needsUpstream = kind === "sets" ? fieldsOf("nftables", config) : [];
  return [
    ...(["nftables", "iptables", undefined].includes(backend)
      ? []
      : [`backend ${JSON.stringify(backend)} is not known`]),
    ...(isBoth ? ["externalSetMarkChain and markMasqBit exclude each other"] : []),
    ...foreign.map((field) => `${field} is not of the backend ${kind === "iptables" ? "iptables" : "nftables"}`),
    ...needsUpstream.map((field) => `${field} needs the layout upstream, not ${layout}`),
  ];
}

/** The fields of a configuration that only one of the backends can read. */
function fieldsOf(backend: "iptables" | "nftables", config: PortmapConfig): readonly string[] {
  const ofIptables = (conditions: readonly string[] = []) => /^[-!]/.test(conditions[0] ?? "");
  const written = (["conditionsV4", "conditionsV6"] as const).filter((field) => config[field]?.[0]);
  const conditions = written.filter((field) => ofIptables(config[field]) === (backend === "iptables"));
  const isMarked = backend === "iptables" && config.externalSetMarkChain !== undefined;
  return isMarked ? ["externalSetMarkChain", ...conditions] : conditions;
}

function mappingProblems({ hostPort, containerPort, protocol }: PortMapping, index: number): readonly string[] {
  const place = `runtimeConfig.portMappings[${index}]`;
  return [
    ...(hostPort > 0 ? [] : [`${place}.hostPort must be a port from 1 to 65535`]),
    ...(containerPort > 0 ? [] : [`${place}.containerPort must be a port from 1 to 65535`]),
    ...(protocolOf(protocol) === undefined ? [`${place}.protocol must be tcp, udp or sctp`] : []),
  ];
}

/** A port of the node can lead to one port alone. */
function clashes(mappings: readonly PortMapping[]): readonly string[] {
  return mappings.flatMap((one, index) => {
    const first = mappings.findIndex((other) => isSamePlace(one, other) && other.containerPort !== one.containerPort);
    if (first < 0 || first >= index) return [];
    const port = `${one.hostPort}/${protocolOf(one.protocol)}`;
    return [`runtimeConfig.portMappings[${index}] and [${first}] both take the node's port ${port}`];
  });
}

function isSamePlace(one: PortMapping, other: PortMapping): boolean {
  const isSame = one.hostPort === other.hostPort && protocolOf(one.protocol) === protocolOf(other.protocol);
  const [a = "", b = ""] = [one.hostIP, other.hostIP];
  // Without an address it is that of both families.
  const isEverywhere = [a, b].includes("") && !isOneAddress(a) && !isOneAddress(b);
  return isSame && (isEverywhere || (a !== "" && b !== "" && formatIp(parseIp(a)) === formatIp(parseIp(b))));
}

function toHostPort({ hostPort, containerPort, protocol, hostIP }: PortMapping): HostPort {
  const hostIp = hostIP === undefined || hostIP === "" ? {} : { hostIp: hostIP };
  return { hostPort, containerPort, protocol: protocolOf(protocol) ?? "tcp", ...hostIp };
}

/** CONVENTIONS.md writes them small; without one it is TCP. */
function protocolOf(text: string | undefined): HostPort["protocol"] | undefined {
  const known = ["tcp", "udp", "sctp"] as const;
  return known.find((protocol) => protocol === (text || "tcp").toLowerCase());
}
