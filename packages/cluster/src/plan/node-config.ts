import type { Network } from "./network.ts";

/** Where the cluster's programs lie inside a node. */
export const nodeBin = "/opt/kx-cluster/bin";
/** The CNI plug-ins of the bootstrap pod network. */
export const bootstrapPlugins = ["bridge", "host-local", "loopback", "portmap"];
/** Where a node's certificates and configuration files lie. */
export const etc = "/etc/kubernetes";

/** The bootstrap pod network: there before containerd starts, else Ready waits for its next look. */
export function conflist(podCidrs: readonly string[]): string {
  return JSON.stringify({
    cniVersion: "1.0.0",
    name: "kx-bootstrap",
    plugins: [
      {
        type: "bridge",
        bridge: "cni0",
        isGateway: true,
        ipMasq: false,
        hairpinMode: true,
        ipam: {
          type: "host-local",
          ranges: podCidrs.map((subnet) => [{ subnet }]),
          routes: podCidrs.map((cidr) => ({ dst: cidr.includes(":") ? "::/0" : "0.0.0.0/0" })),
        },
      },
      { type: "portmap", capabilities: { portMappings: true } },
    ],
  });
}

/** containerd's config.toml, version 3; `hasPlugins` tells whether the Go plug-ins are there. */
export function containerdConfig(more: string, hasPlugins = true): string {
  const off = [
    "internal.v1.opt",
    "snapshotter.v1.blockfile",
    "snapshotter.v1.devmapper",
    "snapshotter.v1.btrfs",
    "snapshotter.v1.zfs",
    "snapshotter.v1.erofs",
    "tracing.processor.v1.otlp",
  ];
  const cri = "io.containerd.cri.v1";
  return `version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
oom_score = 0
disabled_plugins = ${JSON.stringify(off.map((p) => `io.containerd.${p}`))}
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins.'${cri}.images']
  snapshotter = "overlayfs"
  [plugins.'${cri}.images'.pinned_images]
    sandbox = "localhost/pause:1"
  [plugins.'${cri}.images'.registry]
    config_path = "/etc/containerd/certs.d"
[plugins.'${cri}.runtime']
  # Without CAP_SYS_RESOURCE no process may lower its OOM score.
  restrict_oom_score_adj = true
  enable_cdi = true
  cdi_spec_dirs = ["/etc/cdi", "/var/run/cdi"]
  [plugins.'${cri}.runtime'.cni]
    bin_dirs = ["/opt/cni/bin"]
    conf_dir = "/etc/cni/net.d"
    # Whether it sets up "lo" itself, without a plug-in.
    use_internal_loopback = ${!hasPlugins}
  [plugins.'${cri}.runtime'.containerd]
    default_runtime_name = "runc"
    [plugins.'${cri}.runtime'.containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins.'${cri}.runtime'.containerd.runtimes.runc.options]
        BinaryName = "${nodeBin}/runc"
        SystemdCgroup = false
[plugins.'io.containerd.grpc.v1.cri']
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
[plugins.'io.containerd.nri.v1.nri']
  disable = false
  socket_path = "/var/run/nri/nri.sock"
${more}`;
}

/** KubeletConfiguration v1beta1. */
export function kubeletConfig(network: Network): Record<string, unknown> {
  return {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    failCgroupV1: false,
    cgroupDriver: "cgroupfs",
    containerRuntimeEndpoint: "unix:///run/containerd/containerd.sock",
    failSwapOn: false,
    oomScoreAdj: 0,
    maxOpenFiles: 20000,
    address: "0.0.0.0",
    tlsCertFile: `${etc}/pki/kubelet.crt`,
    tlsPrivateKeyFile: `${etc}/pki/kubelet.key`,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: `${etc}/pki/ca.crt` },
    },
    authorization: { mode: "Webhook" },
    clusterDomain: "cluster.local",
    clusterDNS: [network.dnsService],
    resolvConf: `${etc}/resolv.conf`,
    // The node's disk is the machine's: a nearly full machine must not evict test pods.
    evictionHard: {
      "memory.available": "50Mi",
      "nodefs.available": "0%",
      "nodefs.inodesFree": "0%",
      "imagefs.available": "0%",
      "imagefs.inodesFree": "0%",
    },
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    volumePluginDir: "/var/lib/kubelet/volumeplugins",
    nodeStatusUpdateFrequency: "10s",
    syncFrequency: "10s",
    serializeImagePulls: false,
    registryPullQPS: 0,
    eventRecordQPS: 0,
  };
}

/** KubeProxyConfiguration v1alpha1. */
export function kubeProxyConfig(node: string, network: Network): Record<string, unknown> {
  return {
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    mode: "nftables",
    clientConnection: { kubeconfig: `${etc}/kube-proxy.conf` },
    hostnameOverride: node,
    clusterCIDR: network.families.map(({ podCidr }) => podCidr).join(),
    healthzBindAddress: "127.0.0.1:10256",
    metricsBindAddress: "127.0.0.1:10249",
    // Zero leaves the kernel's settings alone, which belong to the machine.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: "0s", tcpCloseWaitTimeout: "0s" },
    nftables: { syncPeriod: "30s", minSyncPeriod: "100ms" },
    oomScoreAdj: 0,
  };
}
