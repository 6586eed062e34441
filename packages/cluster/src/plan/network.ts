import type { IpFamily } from "../types.ts";

/** The cluster's addresses. All of them lie inside its own network namespaces, so clusters never collide. */
export interface Network {
  /** The control plane's address on the fabric, at which nodes reach it. */
  readonly fabric: string;
  /** The `kubernetes` Service. */
  readonly apiService: string;
  readonly dnsService: string;
  readonly registry: string;
  /** IPv4, in which the cluster's own parts talk, and perhaps IPv6. */
  readonly families: readonly FamilyNetwork[];
}

/** The addresses of one family. */
export interface FamilyNetwork {
  readonly family: IpFamily;
  /** The control plane's address on the fabric, the bridge that joins all nodes. */
  readonly fabric: string;
  readonly fabricPrefix: number;
  readonly serviceCidr: string;
  readonly podCidr: string;
  nodeAddress(index: number): string;
  nodePodCidr(index: number): string;
  /** The host's end of the optional veth. */
  readonly hostAddress: string;
}

/** Plans addresses; `id` (0 to 99) matters only for clusters whose networks the host routes to. */
export function planNetwork(id = 0, families: readonly IpFamily[] = ["ipv4"]): Network {
  const services = id === 0 ? "10.96" : `10.${id}`;
  const ipv4 = planIpv4(id, services);
  return {
    fabric: ipv4.fabric,
    apiService: `${services}.0.1`,
    dnsService: `${services}.0.10`,
    registry: `${ipv4.fabric}:5000`,
    families: families.includes("ipv6") ? [ipv4, planIpv6(id)] : [ipv4],
  };
}

function planIpv4(id: number, services: string): FamilyNetwork {
  const fabric = `10.250.${id}`;
  const pods = id === 0 ? "10.244" : `10.${100 + id}`;
  return {
    family: "ipv4",
    fabric: `${fabric}.1`,
    fabricPrefix: 24,
    serviceCidr: `${services}.0.0/16`,
    podCidr: `${pods}.0.0/16`,
    nodeAddress: (index) => `${fabric}.${10 + index}`,
    nodePodCidr: (index) => `${pods}.${index}.0/24`,
    hostAddress: `${fabric}.254`,
  };
}

/** Unique local addresses (RFC 4193), in the same order; the API server takes at most 20 bits for services. */
function planIpv6(id: number): FamilyNetwork {
  // As programs write them (RFC 5952): zeros before the colons are left out.
  const own = id === 0 ? "" : `:${id}`;
  const fabric = `fd00:250${own}:`;
  return {
    family: "ipv6",
    fabric: `${fabric}:1`,
    fabricPrefix: 64,
    serviceCidr: `fd00:96${own}::/112`,
    podCidr: `fd00:244${own}::/48`,
    nodeAddress: (index) => `${fabric}:${10 + index}`,
    nodePodCidr: (index) => `fd00:244:${id}:${index}::/64`,
    hostAddress: `${fabric}:254`,
  };
}

/** What every node of a network must have turned on to pass packets on, below /proc/sys. */
export function forwardingSettings({ families }: Network): readonly string[] {
  return families.map(({ family }) => (family === "ipv4" ? "net/ipv4/ip_forward" : "net/ipv6/conf/all/forwarding"));
}

/** `ip -batch` lines for the control plane's namespace, before any node is there. */
export function fabricCommands(network: Network, nodes: number): string[] {
  const { families } = network;
  return [
    "link set lo up",
    "link add kxbr0 type bridge",
    "link set kxbr0 up",
    ...families.map((own) => addAddress(own, own.fabric, "kxbr0")),
    ...families.flatMap((own) => podRoutes(own, numbers(nodes))),
    // Any node's kube-proxy answers for services.
    ...families.map((own) => `route add ${own.serviceCidr} via ${own.nodeAddress(1)}`),
  ];
}

function numbers(count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}

function addAddress({ family, fabricPrefix }: FamilyNetwork, address: string, link: string): string {
  // Nobody else is there who could have it: no waiting for his answer.
  return `addr add ${address}/${fabricPrefix} dev ${link}${family === "ipv6" ? " nodad" : ""}`;
}

function podRoutes(own: FamilyNetwork, nodes: readonly number[]): readonly string[] {
  return nodes.map((index) => `route add ${own.nodePodCidr(index)} via ${own.nodeAddress(index)}`);
}

/** Lines that plug node `index`, whose init has the given process id, into the fabric; run in the control plane's namespace. */
export function plugCommands(index: number, pid: number): string[] {
  return [
    `link add kxv${index} type veth peer name eth0 netns ${pid}`,
    `link set kxv${index} master kxbr0`,
    `link set kxv${index} up`,
  ];
}

/** Lines for the namespace of node `index`, one of `nodes` whose pods it is to reach: otherwise a pod network adds those routes. */
export function nodeCommands(network: Network, index: number, nodes: number): string[] {
  const { families } = network;
  const others = numbers(nodes).filter((i) => i !== index);
  return [
    "link set lo up",
    "link set eth0 up",
    ...families.map((own) => addAddress(own, own.nodeAddress(index), "eth0")),
    ...families.map(({ fabric }) => `route add default via ${fabric}`),
    ...families.flatMap((own) => podRoutes(own, others)),
  ];
}

/** Lines for the host, which make pod and service addresses reachable from it; removing the link removes the routes. */
export function hostRouteCommands(network: Network, link: string, holderPid: number): string[] {
  return [
    `link add ${link} type veth peer name kxhost netns ${holderPid}`,
    `link set ${link} up`,
    ...network.families.flatMap((own) => [
      addAddress(own, own.hostAddress, link),
      `route add ${own.serviceCidr} via ${own.nodeAddress(1)} dev ${link}`,
      `route add ${own.podCidr} via ${own.fabric} dev ${link}`,
    ]),
  ];
}
