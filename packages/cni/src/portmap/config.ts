import { KxError, type Schema } from "@kx/core";
import { miniSchema } from "@kx/core/config";
import type { PluginConfig, PortMapping } from "@kx/core/contracts/cni";
import { formatIp, parseIp } from "@kx/core/units";
import * as z from "zod/mini";
import type { HostPort } from "../net/host-ports.ts";
import { isOneAddress } from "../net/host-ports-table.ts";

/** The fields of kx-portmap. The ports come from the runtime, by the capability `portMappings`. */
export interface PortmapConfig {
  /** Only `nftables`, which is the default. */
  readonly backend?: string;
  /** Whether the container may reach itself by the node's port, and the node by 127.0.0.1. Default: true. */
  readonly snat?: boolean;
  /** Whether all who come by the node's port are seen as the node. Default: false. */
  readonly masqAll?: boolean;
  /** The Go plug-in's bit of a packet's mark for iptables. It is read, and needed for nothing here. */
  readonly markMasqBit?: number;
  /** Of iptables: refused. */
  readonly externalSetMarkChain?: string;
  /** Conditions in the words of iptables or nft(8): refused. */
  readonly conditionsV4?: readonly string[];
  readonly conditionsV6?: readonly string[];
}

const texts = z.exactOptional(z.array(z.string()));
const bits = "must be the number of a bit, from 0 to 31";

// Not loose: a field that is not known here must not come in the place of what the kit made of it.
export const portmapConfig: Schema<PortmapConfig> = miniSchema(
  z.object({
    backend: z.exactOptional(z.string()),
    snat: z.exactOptional(z.boolean()),
    masqAll: z.exactOptional(z.boolean()),
    markMasqBit: z.exactOptional(z.int(bits).check(z.minimum(0, bits), z.maximum(31, bits))),
    externalSetMarkChain: z.exactOptional(z.string()),
    conditionsV4: texts,
    conditionsV6: texts,
  }),
);

type Config = PluginConfig & PortmapConfig;

/**
 * The ports that a configuration asks for.
 *
 * @throws KxError `KX_CNI_CONFIG` or `KX_CNI_UNSUPPORTED`, with all that is wrong.
 */
export function readPorts(config: Config): readonly HostPort[] {
  const mappings = config.runtimeConfig?.portMappings ?? [];
  const problems = [...fieldProblems(config), ...mappings.flatMap(mappingProblems), ...clashes(mappings)];
  if (problems.length > 0) throw new KxError("KX_CNI_CONFIG", `the configuration is wrong: ${problems.join("; ")}`);
  const unsupported = unsupportedFields(config);
  if (unsupported.length > 0) {
    const what = unsupported.map(({ field, value }) => `${field} ${JSON.stringify(value)}`).join(" and ");
    throw new KxError("KX_CNI_UNSUPPORTED", `kx-portmap does not support ${what}: it works with nftables alone`, {
      remedy: unsupported.map(({ remedy }) => remedy).join("; "),
      details: { fields: unsupported.map(({ field }) => field) },
    });
  }
  return mappings.map(toHostPort);
}

function fieldProblems({ backend = "nftables", markMasqBit, externalSetMarkChain }: Config): readonly string[] {
  const isBoth = markMasqBit !== undefined && externalSetMarkChain !== undefined;
  return [
    ...(["nftables", "iptables"].includes(backend) ? [] : [`backend ${JSON.stringify(backend)} is not known`]),
    ...(isBoth ? ["externalSetMarkChain and markMasqBit exclude each other"] : []),
  ];
}

function unsupportedFields(config: Config) {
  const { backend, externalSetMarkChain, conditionsV4, conditionsV6 } = config;
  const leaveOut = (field: string) => `leave ${field} out`;
  return [
    ...(backend === "iptables" ? [{ field: "backend", value: backend, remedy: 'set backend to "nftables"' }] : []),
    ...(externalSetMarkChain === undefined
      ? []
      : [{ field: "externalSetMarkChain", value: externalSetMarkChain, remedy: leaveOut("externalSetMarkChain") }]),
    ...[
      { field: "conditionsV4", value: conditionsV4 },
      { field: "conditionsV6", value: conditionsV6 },
    ].flatMap(({ field, value = [] }) =>
      value.every((condition) => condition === "")
        ? []
        : [{ field, value, remedy: `${leaveOut(field)}, and bind ports to one address by hostIP instead` }],
    ),
  ];
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
