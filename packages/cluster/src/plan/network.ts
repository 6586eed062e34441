/** The cluster's addresses. All of them lie inside its own network namespaces, so clusters never collide. */
export interface Network {
  /** The control plane's address on the fabric, the bridge that joins all nodes. */
  readonly fabric: string;
  readonly fabricPrefix: number;
  readonly serviceCidr: string;
  /** The `kubernetes` Service. */
  readonly apiService: string;
  readonly dnsService: string;
  readonly podCidr: string;
  readonly registry: string;
  nodeAddress(index: number): string;
  nodePodCidr(index: number): string;
  /** The host's end of the optional veth. */
  readonly hostAddress: string;
}

/** Plans addresses; `id` (0 to 99) matters only for clusters whose networks the host routes to. */
export function planNetwork(id = 0): Network {
  const fabric = `10.250.${id}`;
  const pods = id === 0 ? "10.244" : `10.${100 + id}`;
  const services = id === 0 ? "10.96" : `10.${id}`;
  return {
    fabric: `${fabric}.1`,
    fabricPrefix: 24,
    serviceCidr: `${services}.0.0/16`,
    apiService: `${services}.0.1`,
    dnsService: `${services}.0.10`,
    podCidr: `${pods}.0.0/16`,
    registry: `${fabric}.1:5000`,
    nodeAddress: (index) => `${fabric}.${10 + index}`,
    nodePodCidr: (index) => `${pods}.${index}.0/24`,
    hostAddress: `${fabric}.254`,
  };
}

/** `ip -batch` lines for the control plane's namespace, before any node is there. */
export function fabricCommands(network: Network, nodes: number): string[] {
  const lines = [
    "link set lo up",
    "link add kxbr0 type bridge",
    `addr add ${network.fabric}/${network.fabricPrefix} dev kxbr0`,
    "link set kxbr0 up",
  ];
  for (let i = 1; i <= nodes; i++) lines.push(`route add ${network.nodePodCidr(i)} via ${network.nodeAddress(i)}`);
  // Any node's kube-proxy answers for services.
  lines.push(`route add ${network.serviceCidr} via ${network.nodeAddress(1)}`);
  return lines;
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
  const lines = [
    "link set lo up",
    `addr add ${network.nodeAddress(index)}/${network.fabricPrefix} dev eth0`,
    "link set eth0 up",
    `route add default via ${network.fabric}`,
  ];
  for (let i = 1; i <= nodes; i++) {
    if (i !== index) lines.push(`route add ${network.nodePodCidr(i)} via ${network.nodeAddress(i)}`);
  }
  return lines;
}

/** Lines for the host, which make pod and service addresses reachable from it; removing the link removes the routes. */
export function hostRouteCommands(network: Network, link: string, holderPid: number): string[] {
  return [
    `link add ${link} type veth peer name kxhost netns ${holderPid}`,
    `addr add ${network.hostAddress}/${network.fabricPrefix} dev ${link}`,
    `link set ${link} up`,
    `route add ${network.serviceCidr} via ${network.nodeAddress(1)} dev ${link}`,
    `route add ${network.podCidr} via ${network.fabric} dev ${link}`,
  ];
}
