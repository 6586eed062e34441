// What the conformance suite runs the reference plug-ins with, ours and the Go plug-ins alike.
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type PluginRole, requestedIps, requestedMac, stateOfFolder, type TestNetns } from "@kx/cni/testing";
import type { JsonObject } from "@kx/core/contracts/cni";
import type { TwinOptions } from "./run-twin.ts";

export const referencePlugins = [
  "bridge",
  "ptp",
  "loopback",
  "host-local",
  "static",
  "portmap",
  "bandwidth",
  "tuning",
  "firewall",
] as const;

/** A reference plug-in: `bridge` stands for kx-bridge and for the Go plug-in. */
export type ReferencePlugin = (typeof referencePlugins)[number];

/** Where plug-ins are tested. */
export interface SuitePlace {
  /** Before each type's name: `kx-`, or nothing for the Go plug-ins. */
  readonly prefix: "kx-" | "";
  /** For leases and what else is kept. */
  readonly dataDir: string;
  readonly host: TestNetns;
}

type Particular = Omit<TwinOptions, "host" | "config"> & { readonly config?: JsonObject };

/** Reference plug-ins that work as the Go plug-ins do, by what is configured for that. */
export const suiteBackends = [
  { plugin: "bridge", fields: { ipMasqBackend: "iptables" } },
  { plugin: "bridge", fields: { ipMasqLayout: "upstream" } },
  { plugin: "ptp", fields: { ipMasqBackend: "iptables" } },
  { plugin: "portmap", fields: { backend: "iptables" } },
  { plugin: "portmap", fields: { layout: "upstream" } },
  { plugin: "firewall", fields: { backend: "iptables" } },
] as const satisfies readonly { readonly plugin: ReferencePlugin; readonly fields: JsonObject }[];

/** The options for one of those. */
export function backendOptions({ plugin, fields }: (typeof suiteBackends)[number], place: SuitePlace): TwinOptions {
  const options = suiteOptions(plugin, place);
  const isByContainer = plugin === "portmap" && "backend" in fields;
  const exempt = {
    "P9.second-interface": "rules of ports are known by the container alone, as the Go plug-in has them",
  };
  return {
    ...options,
    config: { ...options.config, ...fields },
    ...(isByContainer ? { exempt: { ...options.exempt, ...exempt } } : {}),
  };
}

/** The options for a plug-in. Of cases that cannot hold for it, the reason stands beside each. */
export function suiteOptions(plugin: ReferencePlugin, place: SuitePlace): TwinOptions {
  const { config, ...particular } = tables[plugin](place);
  const type = `${place.prefix}${plugin}`;
  return { ...particular, host: place.host, config: { type, ...config } };
}

const routes = [{ dst: "0.0.0.0/0" }];
const noState = "it keeps nothing, and so cannot know";

function ranges({ prefix, dataDir }: SuitePlace, subnet: string): { readonly ipam: JsonObject } {
  return { ipam: { type: `${prefix}host-local`, dataDir, ranges: [[{ subnet }]], routes } };
}

function leases({ dataDir }: SuitePlace): Particular {
  return {
    state: stateOfFolder(dataDir, /^(lock|namespaces|last_reserved_ip\..*)$/),
    damages: {
      "the lease is gone": () => {
        const network = join(dataDir, "kx-conformance");
        for (const name of readdirSync(network)) if (/^[\d.]+$/.test(name)) rmSync(join(network, name));
      },
    },
  };
}

/** Takes every element out of the node's sets and maps, and the rules out of chains that the Go plug-ins have too. */
async function emptyRules(host: TestNetns | undefined): Promise<void> {
  if (host === undefined) throw new Error("there is no namespace for the node");
  const { nftables } = JSON.parse(await host.run("nft", "--json", "list", "ruleset")) as {
    readonly nftables: readonly Readonly<Record<string, { family: string; table: string; name: string }>>[];
  };
  for (const item of nftables) {
    for (const kind of ["set", "map"] as const) {
      const found = item[kind];
      if (found !== undefined) await host.run("nft", "flush", kind, found.family, found.table, found.name);
    }
    const { chain } = item;
    if (chain !== undefined && /^hostports$|^CNI-(DN-|FORWARD)/.test(chain.name))
      await host.run("nft", "flush", "chain", chain.family, chain.table, chain.name);
  }
}

const chained: PluginRole = "chained";
const macs = requestedMac("0a:00:00:00:00:01", "0a:00:00:00:00:02", "0a:00:00:00:00:03");

const tables: Readonly<Record<ReferencePlugin, (place: SuitePlace) => Particular>> = {
  bridge: (place) => ({
    ...leases(place),
    config: {
      bridge: "kx0",
      isGateway: true,
      ipMasq: true,
      // Else the Go plug-in takes iptables where it is.
      ...(place.prefix === "" ? { ipMasqBackend: "nftables" } : {}),
      capabilities: { mac: true, ips: true },
      ...ranges(place, "10.9.0.0/24"),
    },
    full: { config: { bridge: "kx1", ...ranges(place, "10.9.1.0/30") }, fits: 1 },
    otherNetwork: { bridge: "kx2", ...ranges(place, "10.9.2.0/24") },
    requested: [macs],
  }),
  ptp: (place) => ({
    ...leases(place),
    config: {
      ipMasq: true,
      ...(place.prefix === "" ? { ipMasqBackend: "nftables" } : {}),
      ...ranges(place, "10.9.0.0/24"),
    },
    full: { config: ranges(place, "10.9.1.0/30"), fits: 1 },
    otherNetwork: ranges(place, "10.9.2.0/24"),
    exempt: { "P9.second-interface": "a container has one route to a gateway, and both would need their own" },
  }),
  loopback: () => ({
    ifName: "lo",
    damages: { "lo is down": async ({ inside }) => void (await inside?.run("ip", "link", "set", "lo", "down")) },
  }),
  "host-local": (place) => ({
    ...leases(place),
    config: ranges(place, "10.9.0.0/24"),
    full: { config: ranges(place, "10.9.1.0/30"), fits: 1 },
    requested: [requestedIps("10.9.0.50", "10.9.0.51", "10.9.0.52")],
    exempt: { "P19.ips.precedence": "all addresses that are asked for are given, wherever that stands" },
  }),
  static: ({ prefix }) => ({
    config: { ipam: { type: `${prefix}static`, addresses: [{ address: "10.9.0.2/24" }], routes } },
    requested: [requestedIps("10.9.0.50/24", "10.9.0.51/24", "10.9.0.52/24")],
    exempt: { "P9.second-add": noState, "P12.never-added": noState, "P16.one-container": noState },
  }),
  portmap: ({ prefix }) => ({
    role: chained,
    config: { ...(prefix === "" ? { backend: "nftables" } : {}), capabilities: { portMappings: true } },
    configOf: (number) => ({
      runtimeConfig: { portMappings: [{ hostPort: 8000 + number, containerPort: 80, protocol: "tcp" }] },
    }),
    damages: { "the node's rules are gone": ({ host }) => emptyRules(host) },
  }),
  bandwidth: () => ({
    role: chained,
    exempt: {
      "P9.second-interface":
        "its interface is named as the Go plug-in does, by network and container: one of each is limited",
    },
    config: { ingressRate: 1_000_000, ingressBurst: 1_000_000, egressRate: 1_000_000, egressBurst: 1_000_000 },
    damages: {
      "the limit is gone": async ({ host }) => {
        const links = (await host?.links()) ?? [];
        const name = links.find(({ ifname }) => ifname.startsWith("kxc"))?.ifname ?? "";
        await host?.run("tc", "qdisc", "delete", "dev", name, "root");
      },
    },
  }),
  tuning: ({ dataDir }) => ({
    role: chained,
    config: { dataDir, mtu: 1400, sysctl: { "net.ipv4.conf.IFNAME.arp_notify": "1" }, capabilities: { mac: true } },
    state: stateOfFolder(dataDir),
    damages: {
      "the MTU is another": async ({ inside }) => void (await inside?.run("ip", "link", "set", "eth0", "mtu", "1300")),
    },
    requested: [macs],
  }),
  firewall: () => ({
    role: chained,
    damages: { "the node's rules are gone": ({ host }) => emptyRules(host) },
  }),
};
