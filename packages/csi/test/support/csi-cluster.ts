import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Cluster, type ClusterNode, connectCluster } from "@kx/cluster";
import type { CSINode } from "@kx/controllers/api/storage-v1";
import type { KubeObject } from "@kx/core";
import { extension } from "@kx/csi/hostpath";
import { until } from "./driver-process.ts";
import { tracesOf } from "./leftovers.ts";

const kx = fileURLToPath(new URL("../../../../apps/cli/bin/kx.mjs", import.meta.url));
const execute = promisify(execFile);

/** The driver's name in test clusters. */
export const driverName = "hostpath.csi.kx.dev";
const namespace = "kx-system";
const account = "kx-csi-hostpath";

/** A cluster for tests of drivers. */
export interface CsiCluster extends AsyncDisposable {
  readonly dir: string;
  readonly cluster: Cluster;
  readonly nodes: readonly ClusterNode[];
  /** Where the driver keeps volumes on each node; no other cluster of the machine has it, by which loop devices are told apart. */
  readonly stateDir: string;
  kubectl(...args: readonly string[]): Promise<string>;
  apply(...objects: readonly object[]): Promise<void>;
  /** Waits for pods to be Ready, and tells why if they are not. */
  ready(...pods: readonly string[]): Promise<void>;
  /** Deletes pods and waits until they are gone. */
  remove(...pods: readonly string[]): Promise<void>;
  /** Runs a script in a pod and gives what it wrote. */
  inPod(pod: string, script: string): Promise<string>;
  /** One field of an object, by its path: `.status.phase`. */
  field(kind: string, name: string, path: string): Promise<string>;
  /** Waits for claims to be bound. */
  bound(...claims: readonly string[]): Promise<void>;
  /** What is told about an object by events. */
  events(name: string): Promise<string>;
  /** What the driver and its volumes have on a node, as lines to compare: mounts, loop devices, folders. */
  traces(node: ClusterNode): Promise<readonly string[]>;
  /** The driver's socket on a node, as this machine reaches it. */
  socketOf(node: ClusterNode): string;
}

/** Options of the driver that tests give. */
export interface DriverOptions {
  readonly attach?: boolean;
  readonly maxVolumesPerNode?: number;
}

/** Starts a cluster of so many nodes, without the driver. */
export async function csiCluster(nodes: number): Promise<CsiCluster> {
  const parent = await mkdtemp(join(tmpdir(), "kxs-"));
  const dir = join(parent, "c");
  const run = (...args: readonly string[]) => execute(process.execPath, [kx, ...args, "--dir", dir]);
  const dispose = async () => {
    await run("down");
    await rm(parent, { recursive: true, force: true });
  };
  try {
    await run("up", "--nodes", String(nodes), "--network", "upstream");
    return open(dir, await connectCluster(dir), dispose);
  } catch (error) {
    await dispose();
    throw error;
  }
}

function open(dir: string, cluster: Cluster, dispose: () => Promise<void>): CsiCluster {
  const stateDir = `/var/lib/kx/${basename(dirname(dir))}`;
  const run = async (args: readonly string[], input?: string) => {
    const { exitCode, stdout, stderr } = await cluster.kubectl(args, input === undefined ? {} : { input });
    if (exitCode !== 0) throw new Error(`kubectl ${args.join(" ")}: ${stderr.trim()}`);
    return stdout.trim();
  };
  const kubectl = (...args: readonly string[]) => run(args);
  const field = (kind: string, name: string, path: string) => kubectl("get", kind, name, "-o", `jsonpath={${path}}`);
  const explain = async (error: Error): Promise<never> => {
    const shown = [
      await kubectl("get", "pods,pvc,pv,volumeattachments", "-o", "wide"),
      await kubectl("get", "events", "--sort-by=.lastTimestamp"),
    ];
    throw new Error([error.message, ...shown].join("\n"), { cause: error });
  };
  return {
    dir,
    cluster,
    nodes: cluster.nodes,
    stateDir,
    kubectl,
    async apply(...items) {
      await run(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
    },
    async ready(...pods) {
      const names = pods.map((name) => `pod/${name}`);
      await kubectl("wait", "--for=condition=Ready", "--timeout=90s", ...names).catch(explain);
    },
    async remove(...pods) {
      await kubectl("delete", "pods", "--timeout=90s", ...pods).catch(explain);
    },
    field,
    async bound(...claims) {
      const phases = () => Promise.all(claims.map((name) => field("pvc", name, ".status.phase")));
      const areBound = async () => (await phases()).every((phase) => phase === "Bound");
      await until(areBound, `${claims.join()} to be bound`, 60_000).catch(explain);
    },
    events: (name) =>
      kubectl("get", "events", `--field-selector=involvedObject.name=${name}`, "-o", "jsonpath={.items[*].message}"),
    inPod: (pod, script) => kubectl("exec", pod, "--", "sh", "-c", script),
    traces: (node) => tracesOf(node, stateDir),
    socketOf: (node) => join(node.paths.kubelet, "plugins", driverName, "csi.sock"),
    [Symbol.asyncDispose]: dispose,
  };
}

/**
 * Runs the hostpath driver as an extension of a node agent on each node, as one of the cluster's processes, and waits until the
 * kubelets know it.
 */
export async function runHostpathAgents(csi: CsiCluster, more: DriverOptions = {}): Promise<void> {
  const options = { stateDir: csi.stateDir, ...more };
  const rendered = extension.create(options).manifests({ namespace, image: "", nodeAccount: account });
  await csi.apply(...accountObjects(rendered));
  for (const node of csi.nodes) {
    // As a pod there has it: the token names the node.
    const bound = ["--bound-object-kind", "Node", "--bound-object-name", node.name, "--duration", "12h"];
    const token = await csi.kubectl("create", "token", account, "-n", namespace, ...bound);
    const kubeconfig = await csi.cluster.addUser(`${account}-${node.name}`, [], { forNodes: true, token });
    // Not below /run, so that it is there when the node was powered off.
    const own = join(node.paths.kubelet, "kx-csi");
    await mkdir(own, { recursive: true, mode: 0o700 });
    await copyFile(kubeconfig, join(own, "kubeconfig"));
    await writeFile(join(own, "host.yaml"), hostConfiguration(options));
    const install = (await node.exec("sh", ["-c", "echo /opt/kx/*/node-agent.js"])).stdout.trim();
    const folder = "/var/lib/kubelet/kx-csi";
    const args = [install, "--config", `${folder}/host.yaml`, "--kubeconfig", `${folder}/kubeconfig`];
    const health = ["--health-port", "0", "--health-socket", `${folder}/health.sock`];
    const command = install.replace(/node-agent\.js$/, "bin/node");
    await node.supervise({ name: "csi-agent", command, args: [...args, ...health, "--node-name", node.name] });
  }
  for (const { name } of csi.nodes) await registered(csi, name);
}

/** Runs on this machine the controller of snapshots that a cluster has once; the agents have all others. */
export async function runSnapshotController({ cluster }: CsiCluster): Promise<void> {
  const program = fileURLToPath(new URL("../e2e/programs/snapshot-controller.ts", import.meta.url));
  await cluster.supervise({ name: "snapshots", command: process.execPath, args: [program, cluster.kubeconfig] });
}

/** Waits until the kubelet of a node has a driver in CSINode, by default the hostpath driver; `program` has its log. */
export async function registered(
  csi: CsiCluster,
  node: string,
  driver: string = driverName,
  program: string = "csi-agent",
): Promise<void> {
  const knows = async () => {
    const { spec } = JSON.parse(await csi.kubectl("get", "csinode", node, "-o", "json")) as CSINode;
    return spec.drivers?.some(({ name, nodeID }) => name === driver && nodeID === node) ?? false;
  };
  await until(knows, `${node} to know ${driver}`, 60_000).catch(async (error: Error) => {
    const said = await readFile(csi.cluster.logs(`${node}/${program}`), "utf8").catch(String);
    throw new Error(`${error.message}; the end of its log: ${said.slice(-4000)}`, { cause: error });
  });
}

function hostConfiguration(options: object): string {
  const extensions = [{ package: "@kx/csi/hostpath", options }];
  return JSON.stringify({ apiVersion: "kx.dev/v1alpha1", kind: "HostConfiguration", extensions });
}

function accountObjects(rendered: readonly KubeObject[]): readonly object[] {
  const rbac = "rbac.authorization.k8s.io";
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: account, namespace } },
    ...rendered,
    ...rendered
      .filter(({ kind, metadata }) => kind === "ClusterRole" && metadata.name === `kx:csi:${driverName}:node`)
      .map(({ metadata: { name = "" } }) => ({
        apiVersion: `${rbac}/v1`,
        kind: "ClusterRoleBinding",
        metadata: { name },
        roleRef: { apiGroup: rbac, kind: "ClusterRole", name },
        subjects: [{ kind: "ServiceAccount", name: account, namespace }],
      })),
  ];
}
