/** How a node's network is set up. */
export interface NodeNetworkOptions {
  /** The network's name, in the configuration and for leases. Default: `kx`. */
  readonly network?: string;
  /** The bridge that pods are attached to. Default: `cni0`, which the Go plug-in uses too. */
  readonly bridge?: string;
  /** Where the container runtime looks for configurations. Default: `/etc/cni/net.d`. */
  readonly confDir?: string;
  /** Where the container runtime looks for plug-ins. Default: `/opt/cni/bin`. */
  readonly binDir?: string;
  /** Where the container runtime remembers attachments. Default: `/var/lib/cni`. */
  readonly cacheDir?: string;
  /** The container runtime's socket. Default: `/run/containerd/containerd.sock`. */
  readonly criSocket?: string;
  /** How often what is out of use is looked for, in seconds. Default: 300. */
  readonly gcSeconds?: number;
  /** How soon after a first look that found something a second one may confirm it, in seconds. Default: 60. */
  readonly gcConfirmSeconds?: number;
}

/** The options, complete. */
export type NodeNetworkSettings = Required<NodeNetworkOptions>;

/** Completes options. */
export function settingsOf(options: NodeNetworkOptions): NodeNetworkSettings {
  return {
    network: "kx",
    bridge: "cni0",
    confDir: "/etc/cni/net.d",
    binDir: "/opt/cni/bin",
    cacheDir: "/var/lib/cni",
    criSocket: "/run/containerd/containerd.sock",
    gcSeconds: 300,
    gcConfirmSeconds: 60,
    ...options,
  };
}
