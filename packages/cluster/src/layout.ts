import { join } from "node:path";

/** Where everything lies below a state folder. */
export interface Layout {
  readonly dir: string;
  /** Facts of the running cluster, see state.ts. */
  readonly state: string;
  readonly kubeconfig: string;
  readonly controlSocket: string;
  readonly registrySocket: string;
  readonly etcdSocket: string;
  readonly etcdData: string;
  readonly pki: string;
  readonly users: string;
  readonly logs: string;
  readonly config: string;
  log(component: string): string;
  node(name: string): NodeLayout;
}

/** A node's part of the state folder. */
export interface NodeLayout {
  readonly dir: string;
  /** The node's /var/lib/kubelet, /var/lib/containerd and /run. */
  readonly kubelet: string;
  readonly containerd: string;
  readonly run: string;
  /** Upper, work and mount point of the overlay that is the node's root. */
  readonly upper: string;
  readonly work: string;
  readonly root: string;
  /** What kx-init carries out. */
  readonly plan: string;
}

/** Unix socket paths hold 107 bytes (unix(7)); the longest one below a state folder takes this much of them. */
export const longestSocketSuffix = "/n9/kubelet/device-plugins/kubelet-0123456789.sock".length;

export function layoutOf(dir: string): Layout {
  return {
    dir,
    state: join(dir, "state.json"),
    kubeconfig: join(dir, "kubeconfig"),
    controlSocket: join(dir, "control.sock"),
    registrySocket: join(dir, "registry.sock"),
    etcdSocket: join(dir, "etcd.sock"),
    etcdData: join(dir, "etcd"),
    pki: join(dir, "pki"),
    users: join(dir, "users"),
    logs: join(dir, "log"),
    config: join(dir, "config"),
    log: (component) => join(dir, "log", `${component.replace("/", "-")}.log`),
    node: (name) => {
      const base = join(dir, name.replace(/^node-/, "n"));
      return {
        dir: base,
        kubelet: join(base, "kubelet"),
        containerd: join(base, "containerd"),
        run: join(base, "run"),
        upper: join(base, "upper"),
        work: join(base, "work"),
        root: join(base, "root"),
        plan: join(base, "plan.json"),
      };
    },
  };
}
