import { stringify } from "yaml";
import type { NodeLayout } from "../layout.ts";
import type { CgroupPlan } from "./cgroups.ts";
import { forwardingSettings, type Network } from "./network.ts";
import {
  bootstrapPlugins,
  conflist,
  containerdConfig,
  etc,
  kubeletConfig,
  kubeProxyConfig,
  nodeBin,
} from "./node-config.ts";
import { oldRoot, type Step } from "./step.ts";

/** The node's PATH: the cluster's programs, then those of the host's file system. */
export const nodePath = `${nodeBin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;

/** What a node is made from. */
export interface NodeSpec {
  readonly name: string;
  readonly index: number;
  readonly layout: NodeLayout;
  readonly network: Network;
  readonly cgroups: CgroupPlan;
  /** Folder with `bin/` and `cni/`. */
  readonly assets: string;
  /** Host paths that must not exist in the node; a trailing `/` means: exists, but is empty. */
  readonly hidden: readonly string[];
  /** Folders bound into the node read-only: host path to node path. */
  readonly binds: readonly { readonly hostPath: string; readonly nodePath: string }[];
  /** PEM texts. */
  readonly pki: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly kubeconfig: string;
  readonly proxyKubeconfig: string;
  readonly kubelet: Readonly<Record<string, unknown>>;
  readonly containerd: string;
  /** Whether it has the pod network of the Go plug-ins from the start. */
  readonly hasNetwork: boolean;
  /** Whether its files are those of an earlier life: none is written then. */
  readonly isKept: boolean;
}

/** All that kx-init does to make a node, up to the point where containerd can start. */
export function planNode(spec: NodeSpec): Step[] {
  const { layout } = spec;
  const bind = (source: string, path: string, ro = false): Step[] => [
    { op: "mkdir", path, mode: 0o755 },
    { op: "mount", source: `${oldRoot}${source}`, path, options: ro ? ["bind", "ro"] : ["bind"] },
  ];
  return [
    { op: "mount", source: "", path: "/", options: ["rprivate"] },
    { op: "hostname", data: spec.name },
    ...spec.hidden.map((path): Step => ({ op: "hide", path, source: layout.upper })),
    // "volatile": what the node writes need not survive the machine's crash.
    {
      op: "mount",
      source: "overlay",
      path: layout.root,
      type: "overlay",
      data: `lowerdir=/,upperdir=${layout.upper},workdir=${layout.work},volatile`,
    },
    // The machine's file system may hold absolute links: only from inside do they stay inside.
    { op: "pivot", path: layout.root },
    { op: "mount", source: "proc", path: "/proc", type: "proc", options: ["nosuid", "nodev", "noexec"] },
    { op: "mount", source: "sysfs", path: "/sys", type: "sysfs", options: ["nosuid", "nodev", "noexec"] },
    ...kernelSettings(layout),
    ...devices(),
    { op: "mount", source: "tmpfs", path: "/tmp", type: "tmpfs", options: ["nosuid", "nodev"], data: "mode=1777" },
    ...spec.cgroups.mounts,
    ...bind(layout.kubelet, "/var/lib/kubelet"),
    ...bind(layout.containerd, "/var/lib/containerd"),
    ...bind(layout.run, "/run"),
    ...bind(`${spec.assets}/bin`, nodeBin, true),
    ...bind(`${spec.assets}/cni`, "/opt/kx-cluster/cni", true),
    ...spec.binds.flatMap(({ hostPath, nodePath: path }) => bind(hostPath, path, true)),
    { op: "mkdir", path: "/run/lock", mode: 0o755 },
    { op: "mkdir", path: "/run/netns", mode: 0o755 },
    { op: "mkdir", path: "/var/lib/cni", mode: 0o755 },
    { op: "mkdir", path: "/etc/cdi", mode: 0o755 },
    { op: "mkdir", path: "/opt/cni/bin", mode: 0o755 },
    { op: "mkdir", path: "/etc/cni/net.d", mode: 0o755 },
    ...(spec.isKept ? [] : files(spec)),
    { op: "detach" },
    // A program that a pod or a CSI driver mounts must reach the kubelet and other pods.
    { op: "mount", source: "", path: "/", options: ["rshared"] },
    ...spec.cgroups.settle,
    ...forwarding(spec.network),
  ];
}

/** Lets a node pass packets on, between its links. */
export function forwarding(network: Network): Step[] {
  return forwardingSettings(network).map((name) => ({
    op: "write",
    path: `/proc/sys/${name}`,
    data: "1",
    mode: 0o644,
  }));
}

/** What an installation has put on its disk. */
function files(spec: NodeSpec): Step[] {
  return [
    ...(spec.hasNetwork ? bootstrapNetwork(spec) : []),
    file("/etc/containerd/config.toml", containerdConfig(spec.containerd, spec.hasNetwork)),
    file(
      "/etc/containerd/certs.d/_default/hosts.toml",
      // Named as the server too: else what it refuses or lacks is looked for in the world, for half a minute.
      `server = "http://${spec.network.registry}"\n[host."http://${spec.network.registry}"]\n  capabilities = ["pull", "resolve"]\n`,
    ),
    file(`${etc}/pki/ca.crt`, spec.pki.ca),
    file(`${etc}/pki/kubelet.crt`, spec.pki.cert),
    file(`${etc}/pki/kubelet.key`, spec.pki.key, 0o600),
    file(`${etc}/kubelet.conf`, spec.kubeconfig, 0o600),
    file(`${etc}/kube-proxy.conf`, spec.proxyKubeconfig, 0o600),
    file(`${etc}/kubelet.yaml`, stringify({ ...kubeletConfig(spec.network), ...spec.kubelet })),
    file(`${etc}/kube-proxy.yaml`, stringify(kubeProxyConfig(spec.name, spec.network))),
    file(`${etc}/resolv.conf`, ""),
  ];
}

function file(path: string, data: string, mode = 0o644): Step {
  return { op: "write", path, data, mode };
}

function bootstrapNetwork({ network, index }: NodeSpec): Step[] {
  const podCidrs = network.families.map((own) => own.nodePodCidr(index));
  const plugins = bootstrapPlugins.map(
    (name): Step => ({ op: "symlink", source: `/opt/kx-cluster/cni/${name}`, path: `/opt/cni/bin/${name}` }),
  );
  return [...plugins, file("/etc/cni/net.d/10-kx-bootstrap.conflist", conflist(podCidrs))];
}

/** No namespace holds these settings of the kernel, which a kubelet sets: it gets private files in their place. */
function kernelSettings(layout: NodeLayout): Step[] {
  const wanted = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
  };
  return Object.entries(wanted).flatMap(([name, value]): Step[] => {
    const own = `${oldRoot}${layout.dir}/sysctl/${name}`;
    return [
      { op: "write", path: own, data: `${value}\n`, mode: 0o644 },
      { op: "mount", source: own, path: `/proc/sys/${name}`, options: ["bind"] },
    ];
  });
}

/** Loop devices whose files are there: programs that take one for a block volume, as the kubelet does, make none. */
const loopDevices = 64;

/** A /dev of its own with what containers, a kubelet (kmsg) and CSI drivers (loop devices) open. */
function devices(): Step[] {
  const dev = "/dev";
  const S_IFCHR = 0o020000;
  const S_IFBLK = 0o060000;
  const nodes: [name: string, major: number, minor: number, mode: number][] = [
    ["null", 1, 3, 0o666],
    ["zero", 1, 5, 0o666],
    ["full", 1, 7, 0o666],
    ["random", 1, 8, 0o666],
    ["urandom", 1, 9, 0o666],
    ["kmsg", 1, 11, 0o600],
    ["tty", 5, 0, 0o666],
    ["fuse", 10, 229, 0o666],
    ["net/tun", 10, 200, 0o666],
    ["loop-control", 10, 237, 0o600],
  ];
  return [
    { op: "mount", source: "tmpfs", path: dev, type: "tmpfs", options: ["nosuid"], data: "mode=755" },
    ...nodes.map(
      ([name, major, minor, mode]): Step => ({
        op: "mknod",
        path: `${dev}/${name}`,
        mode: S_IFCHR | mode,
        major,
        minor,
      }),
    ),
    ...Array.from(
      { length: loopDevices },
      (_, minor): Step => ({ op: "mknod", path: `${dev}/loop${minor}`, mode: S_IFBLK | 0o660, major: 7, minor }),
    ),
    { op: "mkdir", path: `${dev}/pts`, mode: 0o755 },
    {
      op: "mount",
      source: "devpts",
      path: `${dev}/pts`,
      type: "devpts",
      data: "newinstance,ptmxmode=0666,mode=0620,gid=5",
    },
    { op: "symlink", source: "pts/ptmx", path: `${dev}/ptmx` },
    { op: "mkdir", path: `${dev}/shm`, mode: 0o1777 },
    { op: "mount", source: "tmpfs", path: `${dev}/shm`, type: "tmpfs", data: "mode=1777,size=256m" },
    { op: "symlink", source: "/proc/self/fd", path: `${dev}/fd` },
    { op: "symlink", source: "/proc/self/fd/0", path: `${dev}/stdin` },
    { op: "symlink", source: "/proc/self/fd/1", path: `${dev}/stdout` },
    { op: "symlink", source: "/proc/self/fd/2", path: `${dev}/stderr` },
  ];
}

export function containerdArgs(): string[] {
  return ["containerd", "--config", "/etc/containerd/config.toml", "--log-level", "info"];
}

export function kubeletArgs(name: string, addresses: readonly string[], more: readonly string[]): string[] {
  return [
    "kubelet",
    `--config=${etc}/kubelet.yaml`,
    `--kubeconfig=${etc}/kubelet.conf`,
    `--hostname-override=${name}`,
    `--node-ip=${addresses.join()}`,
    ...more,
  ];
}

export function kubeProxyArgs(): string[] {
  return ["kube-proxy", `--config=${etc}/kube-proxy.yaml`];
}
