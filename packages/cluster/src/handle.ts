import { mkdir, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { KxError } from "@kx/core";
import { execute, executeOrThrow } from "./host.ts";
import { kubeconfig } from "./kubeconfig.ts";
import { layoutOf } from "./layout.ts";
import { createAuthority, loadAuthority, readPair, userCertificateMs } from "./pki.ts";
import { nodePath } from "./plan/node.ts";
import type { Endpoint } from "./relay.ts";
import { type ClusterState, type NodeState, readState } from "./state.ts";
import type {
  Cluster,
  ClusterNode,
  ClusterProcess,
  ControlPlane,
  ExecResult,
  SupervisedProgram,
  WebhookEndpoint,
} from "./types.ts";

/** What only the process that owns a cluster can do; others ask it through the control socket. */
export interface Control {
  restart(component: string): Promise<void>;
  /** See ClusterNode.powerOff and powerOn. */
  power(node: string, to: Power): Promise<void>;
  /** See Relay.forward; without namespaces there is nothing to relay, and `dial` is answered as it is. */
  forward(listen: Endpoint, dial: Endpoint): Promise<string>;
  addImages(archive: string): Promise<void>;
  /** Runs a program on this machine, or in the node of that name. */
  supervise(program: SupervisedProgram, node?: string): Promise<void>;
  processes(): Promise<readonly ClusterProcess[]>;
  stop(): Promise<void>;
}

/** What a node's switch can be put to. */
export type Power = "on" | "off";

/** The state of a cluster that is up. */
export type RunningState = ClusterState &
  Required<Pick<ClusterState, "server" | "etcd" | "kubernetesVersion" | "assets">>;

/** Whether the state is that of a cluster that has come up. */
export function isUp(state: ClusterState): state is RunningState {
  const { server, etcd, kubernetesVersion, assets } = state;
  return server !== undefined && etcd !== undefined && kubernetesVersion !== undefined && assets !== undefined;
}

/** Makes the public handle of a control plane out of its state: the same in the owner and elsewhere. */
export function openControlPlane(dir: string, state: RunningState, control: Control): ControlPlane {
  const layout = layoutOf(dir);
  const kubectl = async (args: readonly string[], options: { readonly input?: string } = {}): Promise<ExecResult> =>
    execute(join(state.assets, "bin/kubectl"), args, {
      ...options,
      env: { PATH: process.env.PATH ?? "", HOME: layout.config, KUBECONFIG: layout.kubeconfig },
    });
  const kubectlOrThrow = async (...args: string[]): Promise<void> => {
    const result = await kubectl(args);
    if (result.exitCode !== 0) {
      throw new KxError("KX_CLUSTER_KUBECTL", `kubectl ${args.join(" ")}: ${result.stderr.trim()}`);
    }
  };
  return {
    dir,
    kubernetesVersion: state.kubernetesVersion,
    kubeconfig: layout.kubeconfig,
    server: state.server,
    async addUser(name, groups = [], { validMs = userCertificateMs, forNodes = false, token } = {}) {
      const ca = await readPair(layout.pki, "ca");
      const issue = async () => (await loadAuthority(ca)).issue({ commonName: name, organizations: groups, validMs });
      const known = token === undefined ? await issue() : { token };
      await mkdir(layout.users, { recursive: true, mode: 0o700 });
      const file = `${encodeURIComponent(name)}${forNodes ? "-for-nodes" : ""}.kubeconfig`;
      const path = join(layout.users, file);
      const server = forNodes ? serverForNodes(state) : state.server;
      await writeFile(path, kubeconfig(server, ca.cert, name, known), { mode: 0o600 });
      return path;
    },
    async installCrds(...paths) {
      const files = paths.flatMap((path) => ["-f", path]);
      await kubectlOrThrow("apply", "--server-side", "--force-conflicts", ...files);
      await kubectlOrThrow("wait", "--for=condition=Established", "--timeout=60s", ...files);
    },
    async webhook() {
      const port = await freePort();
      const local: Endpoint = { net: "host", address: `127.0.0.1:${port}` };
      const fabric = state.fabric ?? "127.0.0.1";
      const reached = await control.forward({ net: "cluster", address: `${fabric}:0` }, local);
      const { authority } = await createAuthority("kx-webhook-ca");
      const pair = await authority.issue({
        commonName: "kx-webhook",
        dnsNames: ["localhost"],
        addresses: ["127.0.0.1", fabric],
      });
      return {
        host: "127.0.0.1",
        port,
        ...pair,
        url: `https://${reached}`,
        caBundle: Buffer.from(authority.cert).toString("base64"),
      } satisfies WebhookEndpoint;
    },
    restartApiServer: () => control.restart("kube-apiserver"),
    compactEtcd: () => compact(state.etcd),
    kubectl,
    supervise: (program) => control.supervise(program),
    processes: () => control.processes(),
    logs: (component) => layout.log(component),
    stop: () => control.stop(),
    [Symbol.asyncDispose]: () => control.stop(),
  };
}

/** The same for a cluster with nodes. */
export function openCluster(dir: string, state: RunningState, control: Control): Cluster {
  const nodes = (state.nodes ?? []).map((node) => openNode(dir, state, node, control));
  const holder = ["-t", String(state.holderPid), "-n"];
  return {
    ...openControlPlane(dir, state, control),
    nodes,
    loadImage: (archive) => control.addImages(archive),
    async partition(node) {
      const name = typeof node === "string" ? node : node.name;
      const found = state.nodes?.find((n) => n.name === name);
      if (found === undefined) {
        const known = nodes.map((n) => n.name).join(", ");
        throw new KxError("KX_CLUSTER_OPTION", `there is no node ${name}`, { remedy: `the nodes are ${known}` });
      }
      const set = (to: "down" | "up"): Promise<string> =>
        executeOrThrow("nsenter", [...holder, "ip", "link", "set", `kxv${found.index}`, to]);
      await set("down");
      return async () => {
        await set("up");
      };
    },
  };
}

function openNode(dir: string, state: RunningState, node: NodeState, control: Control): ClusterNode {
  const { kubelet, run } = layoutOf(dir).node(node.name);
  return {
    name: node.name,
    address: node.addresses[0] ?? "",
    addresses: node.addresses,
    paths: { kubelet, run },
    async exec(command, args = [], options = {}) {
      // Its namespaces are others after a reboot, whoever has asked for that.
      const now = (await readState(dir))?.nodes?.find(({ name }) => name === node.name) ?? node;
      const [program = "", ...rest] = enterNode(state.assets, now, [command, ...args]);
      return execute(program, rest, {
        ...options,
        env: { PATH: nodePath, HOME: "/root", ...options.env },
      });
    },
    supervise: (program) => control.supervise(program, node.name),
    restartKubelet: () => control.restart(`${node.name}/kubelet`),
    restartContainerd: () => control.restart(`${node.name}/containerd`),
    powerOff: () => control.power(node.name, "off"),
    powerOn: () => control.power(node.name, "on"),
    async reboot() {
      await control.power(node.name, "off");
      await control.power(node.name, "on");
    },
  };
}

/** The command line that runs `argv` inside a node: its cgroups first, then its namespaces. Forks once. */
export function enterNode(assets: string, node: Pick<NodeState, "pid" | "cgroups">, argv: readonly string[]): string[] {
  const into = ["nsenter", "-t", String(node.pid), "-m", "-n", "-p", "-i", "-u", "-C", "--"];
  // Joined by absolute path: inside the node PATH means the node's programs.
  return [join(assets, "bin/kx-init"), "run", ...node.cgroups, "--", ...into, ...argv];
}

function serverForNodes({ fabric }: ClusterState): string {
  if (fabric !== undefined) return `https://${fabric}:6443`;
  throw new KxError("KX_CLUSTER_OPTION", "the control plane has no nodes", { remedy: "leave out forNodes" });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new KxError("KX_CLUSTER_HOST", "no free port");
  return address.port;
}

/** Compacts by etcd's JSON gateway (etcd API v3, KV.Range and KV.Compact). */
async function compact(etcd: string): Promise<void> {
  const call = (path: string, body: unknown): Promise<{ header?: { revision?: string }; message?: string }> =>
    new Promise((resolve, reject) => {
      const where = etcd.startsWith("unix:") ? { socketPath: etcd.slice("unix:".length) } : new URL(etcd);
      const options = { method: "POST", path, headers: { "content-type": "application/json" } };
      const target =
        where instanceof URL ? { host: where.hostname, port: where.port, ...options } : { ...where, ...options };
      const req = request(target, (res) => {
        const chunks: Buffer[] = [];
        res.on("data", (chunk: Buffer) => chunks.push(chunk));
        res.on("end", () => {
          const text = Buffer.concat(chunks).toString();
          if (res.statusCode === 200) return resolve(JSON.parse(text) as { header?: { revision?: string } });
          reject(new KxError("KX_CLUSTER_API", `etcd answered ${res.statusCode} to ${path}: ${text.trim()}`));
        });
      });
      req.on("error", reject);
      req.end(JSON.stringify(body));
    });
  const { header } = await call("/v3/kv/range", { key: "AA==" });
  await call("/v3/kv/compaction", { revision: header?.revision, physical: true });
}
