import type { AccessRule } from "./registry/index.ts";

/** A step that takes long enough to be told about. */
export interface Progress {
  /** What is being done, lower case: `building kube-apiserver`. */
  readonly step: string;
  readonly state: "started" | "done" | "failed";
  /** Milliseconds since the step started; 0 at its start. */
  readonly elapsedMs: number;
  /** More about it, for example why it takes long. */
  readonly note?: string;
}

/** Options of {@link startControlPlane}. */
export interface ControlPlaneOptions {
  /** State folder, created with mode 0700. Default: a new folder in the system's temporary folder, removed by `stop`. */
  readonly dir?: string;
  /** Kubernetes version, for example `1.37.2`. Default: the version this package was built for. */
  readonly kubernetesVersion?: string;
  /** Run kube-controller-manager too. Default: false for a control plane alone, true in a cluster. */
  readonly controllerManager?: boolean;
  /** Run kube-scheduler too. Default: false for a control plane alone, true in a cluster. */
  readonly scheduler?: boolean;
  /** More flags for kube-apiserver, after ours. */
  readonly apiServerArgs?: readonly string[];
  /** Aborting it stops a start that is under way. */
  readonly signal?: AbortSignal;
  /** Told of each step. */
  readonly onProgress?: (progress: Progress) => void;
}

/** Options of {@link startCluster}. */
export interface ClusterOptions extends ControlPlaneOptions {
  /** Number of nodes, 1 to 9. Default: 1. */
  readonly nodes?: number;
  /**
   * What nodes, pods and services have addresses of: `["ipv4"]`, or `["ipv4", "ipv6"]` for both. Services have IPv4 alone
   * unless their `ipFamilyPolicy` says otherwise. Default: `["ipv4"]`.
   */
  readonly ipFamilies?: readonly IpFamily[];
  /** Run kube-proxy (nftables mode) on each node. Default: true. */
  readonly kubeProxy?: boolean;
  /** Run CoreDNS. Default: false. */
  readonly dns?: boolean;
  /**
   * What connects pods. `upstream`: a bridge of the Go plug-ins, with routes between the nodes. `none`: nothing; the nodes
   * are not waited for, as they do not become Ready. A function sets something up itself: it is called once the API server
   * is ready and the kubelets run, and the nodes are waited for when it is done. Default: `upstream`.
   */
  readonly network?: PodNetwork;
  /** More fields of each node's KubeletConfiguration. */
  readonly kubelet?: Readonly<Record<string, unknown>>;
  /** More flags for each kubelet, after ours. */
  readonly kubeletArgs?: readonly string[];
  /** More text for containerd's config.toml (version 3), after ours. */
  readonly containerd?: string;
  /** Folders of this machine that each node shows read-only at another path. */
  readonly mounts?: readonly { readonly hostPath: string; readonly nodePath: string }[];
  /** OCI archives that the cluster's registry serves from the start. */
  readonly images?: readonly string[];
  /** Who may pull what from the cluster's registry. Default: everybody everything. */
  readonly registryAccess?: readonly AccessRule[];
  /** Adds a veth and routes to the host, so that pod and service addresses can be reached from it. Default: false. */
  readonly hostNetworkRoute?: boolean;
}

/** A family of addresses, as Kubernetes has it. */
export type IpFamily = "ipv4" | "ipv6";

/** See {@link ClusterOptions.network}. */
export type PodNetwork = "upstream" | "none" | ((cluster: Cluster) => Promise<void>);

/** Where a webhook server of this process must listen, and how the API server reaches it. */
export interface WebhookEndpoint {
  /** Listen here. */
  readonly host: string;
  readonly port: number;
  /** Serving certificate and key, PEM. */
  readonly cert: string;
  readonly key: string;
  /** For `clientConfig.url` (append the path) and `clientConfig.caBundle` (base64 PEM) of the webhook's configuration. */
  readonly url: string;
  readonly caBundle: string;
}

/** etcd and a kube-apiserver: an API server to test against, without nodes. */
export interface ControlPlane extends AsyncDisposable {
  /** The state folder. */
  readonly dir: string;
  readonly kubernetesVersion: string;
  /** Path of the administrator's kubeconfig; its certificate is valid for at most 24 hours. */
  readonly kubeconfig: string;
  /** The API server's address as this machine reaches it. */
  readonly server: string;
  /** Makes a client certificate for a user and returns the path of its kubeconfig. Valid for 24 hours unless told otherwise. */
  addUser(name: string, groups?: readonly string[], options?: UserOptions): Promise<string>;
  /** Applies CRD files and waits until all are Established. */
  installCrds(...paths: readonly string[]): Promise<void>;
  /** Prepares an address under which the API server reaches a webhook server of this process. */
  webhook(): Promise<WebhookEndpoint>;
  /** Kills (SIGKILL) and restarts kube-apiserver, and waits until it is ready. */
  restartApiServer(): Promise<void>;
  /** Compacts etcd to its present revision, so that older watches end with 410 Gone. */
  compactEtcd(): Promise<void>;
  /** Runs this cluster's kubectl as administrator. */
  kubectl(args: readonly string[], options?: { readonly input?: string }): Promise<ExecResult>;
  /**
   * Runs a program of the caller's on this machine as one of the cluster's processes: its output goes to its log, it is
   * started again when it ends, and it ends with the cluster.
   */
  supervise(program: SupervisedProgram): Promise<void>;
  /** The cluster's processes, in the order of their first start. */
  processes(): Promise<readonly ClusterProcess[]>;
  /** Path of a process's log: `kube-apiserver`, `node-1/kubelet`. */
  logs(component: string): string;
  /** Ends every process and removes what was made; the state folder too, unless it was given. */
  stop(): Promise<void>;
}

/** A whole cluster: a control plane and nodes, in namespaces of their own. */
export interface Cluster extends ControlPlane {
  readonly nodes: readonly ClusterNode[];
  /** Makes an OCI archive's images available to every node, under the names in its index. */
  loadImage(archive: string): Promise<void>;
  /** Cuts a node off the network; the returned function joins it again. */
  partition(node: ClusterNode | string): Promise<() => Promise<void>>;
}

/** One node of a cluster. */
export interface ClusterNode {
  /** `node-1` and so on. */
  readonly name: string;
  /** That of IPv4. */
  readonly address: string;
  /** One for each of the cluster's families. */
  readonly addresses: readonly string[];
  /** Host paths bound into the node: `kubelet` is its /var/lib/kubelet, `run` its /run. */
  readonly paths: { readonly kubelet: string; readonly run: string };
  /** Runs a program inside the node's namespaces and waits for its end; does not throw on a non-zero exit. */
  exec(command: string, args?: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  /** Like {@link ControlPlane.supervise}, inside the node's namespaces; its log is `<node>/<name>`. */
  supervise(program: SupervisedProgram): Promise<void>;
  restartKubelet(): Promise<void>;
  restartContainerd(): Promise<void>;
  /**
   * Ends all that runs in the node at once, as a power cut does. Its files stay but for those below /run and /tmp; processes,
   * namespaces, mounts, loop devices and links are gone.
   */
  powerOff(): Promise<void>;
  /**
   * Starts a node that is off, with the same programs. Process 1 is another, boot_id the machine's as ever. Resolves when all
   * programs have been started.
   */
  powerOn(): Promise<void>;
  /** Both, one after the other. */
  reboot(): Promise<void>;
}

/** One process of a running cluster. */
export interface ClusterProcess {
  /** As `logs` takes it: `kube-apiserver`, `node-1/kubelet`. */
  readonly name: string;
  /** The node that it runs in. */
  readonly node?: string;
  /** `ended`: it will be started again in a moment. */
  readonly state: "running" | "ended";
  /** As this machine sees it; absent while it has ended. */
  readonly pid?: number;
  /** When it was last started, ISO 8601. */
  readonly since: string;
  /** How often it was started again. */
  readonly restarts: number;
  /** Path of its log. */
  readonly log: string;
}

/** Options of {@link ControlPlane.addUser}. */
export interface UserOptions {
  /** Milliseconds. Default: 24 hours. */
  readonly validMs?: number;
  /** Whether its kubeconfig is for programs on the cluster's nodes, which know the API server by another address. Default: false. */
  readonly forNodes?: boolean;
  /** What the kubeconfig holds in place of a certificate, such as a service account's token; the name is then its file's alone. */
  readonly token?: string;
}

/** A program for {@link ControlPlane.supervise}. */
export interface SupervisedProgram {
  readonly name: string;
  /** Absolute path (of the node, where it runs in one). */
  readonly command: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface ExecOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface ExecResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}
