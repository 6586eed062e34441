import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Cluster, type ClusterNode, connectCluster } from "@kx/cluster";

const kx = fileURLToPath(new URL("../../../../apps/cli/bin/kx.mjs", import.meta.url));
const execute = promisify(execFile);

/** A cluster whose pods run on kx's network, as `kx up` makes it. */
export interface KxCluster extends AsyncDisposable {
  readonly dir: string;
  readonly cluster: Cluster;
  kubectl(...args: readonly string[]): Promise<string>;
  apply(...objects: readonly object[]): Promise<void>;
  /** Waits for pods to be Ready, and tells why if they are not. */
  ready(...pods: readonly string[]): Promise<void>;
  podIp(name: string): Promise<string>;
  /** One address a family. */
  podIps(name: string): Promise<readonly string[]>;
  /** What a URL answers, as seen from a pod. */
  fetchFrom(pod: string, url: string): Promise<string>;
}

/** Starts a cluster of so many nodes, by default on kx's network, and with addresses of IPv4. */
export async function kxUp(
  nodes: number,
  network: "kx" | "upstream" | "none" = "kx",
  ipFamilies: "ipv4" | "ipv4,ipv6" = "ipv4",
): Promise<KxCluster> {
  const parent = await mkdtemp(join(tmpdir(), "kxn-"));
  const dir = join(parent, "c");
  const run = (...args: readonly string[]) => execute(process.execPath, [kx, ...args, "--dir", dir]);
  const dispose = async () => {
    await run("down");
    await rm(parent, { recursive: true, force: true });
  };
  try {
    await run("up", "--nodes", String(nodes), "--network", network, "--ip-families", ipFamilies);
    return open(dir, await connectCluster(dir), dispose);
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** A cluster that was started without the command, by its functions. */
export function asKxCluster(cluster: Cluster): KxCluster {
  return open(cluster.dir, cluster, () => cluster.stop());
}

function open(dir: string, cluster: Cluster, dispose: () => Promise<void>): KxCluster {
  const run = async (args: readonly string[], input?: string) => {
    const { exitCode, stdout, stderr } = await cluster.kubectl(args, input === undefined ? {} : { input });
    if (exitCode !== 0) throw new Error(`kubectl ${args.join(" ")}: ${stderr.trim()}`);
    return stdout.trim();
  };
  const kubectl = (...args: readonly string[]) => run(args);
  return {
    dir,
    cluster,
    kubectl,
    async apply(...items) {
      await run(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
    },
    async ready(...pods) {
      const names = pods.map((name) => `pod/${name}`);
      await kubectl("wait", "--for=condition=Ready", "--timeout=90s", ...names).catch(async (error: Error) => {
        const said = [await kubectl("get", "pods", "-o", "wide"), await kubectl("get", "events")];
        throw new Error([error.message, ...said].join("\n"), { cause: error });
      });
    },
    podIps: async (name) => (await kubectl("get", "pod", name, "-o", "jsonpath={.status.podIPs[*].ip}")).split(" "),
    podIp: (name) => kubectl("get", "pod", name, "-o", "jsonpath={.status.podIP}"),
    fetchFrom: (pod, url) => kubectl("exec", pod, "--", "wget", "-q", "-O-", url),
    [Symbol.asyncDispose]: dispose,
  };
}

/** A pod with a web server at 8080: `/ip` is the address that it had when it started, `/cgi-bin/from` who asks. */
export function webPod(name: string, node: string, more: PodOptions = {}): object {
  const { annotations = {}, labels = {}, port = 8080, hostPort, hostNetwork = false } = more;
  const start = [
    "mkdir -p /www/cgi-bin",
    "ip -4 -o addr show eth0 > /www/ip",
    "printf '#!/bin/sh\\necho; echo $REMOTE_ADDR | tr -d [] | sed s/::ffff://\\n' > /www/cgi-bin/from",
    "chmod +x /www/cgi-bin/from",
    `exec httpd -f -p ${port} -h /www`,
  ];
  const ports = [{ containerPort: port, ...(hostPort === undefined ? {} : { hostPort }) }];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", annotations, labels },
    spec: {
      nodeName: node,
      hostNetwork,
      terminationGracePeriodSeconds: 0,
      containers: [
        {
          name: "web",
          image: "busybox:latest",
          command: ["sh", "-c", start.join("; ")],
          ports,
          readinessProbe: { httpGet: { path: "/ip", port }, periodSeconds: 1 },
        },
      ],
    },
  };
}

/** What is special about a pod. */
export interface PodOptions {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly port?: number;
  readonly hostPort?: number;
  readonly hostNetwork?: boolean;
}

/** What attachments have made on a node, as lines to compare: leases, remembered results, links, elements of sets. */
export async function traces(node: ClusterNode): Promise<readonly string[]> {
  const list = async (folder: string) =>
    (await node.exec("ls", [folder])).stdout.split("\n").filter((name) => name !== "");
  const json = async (program: string, ...args: string[]) =>
    JSON.parse((await node.exec(program, args)).stdout || "[]") as unknown;
  const leases = (await list("/var/lib/cni/networks/kx")).filter((name) => /^[\da-f.:]+$/.test(name));
  const results = (await list("/var/lib/cni/results")).filter((name) => name.startsWith("kx-"));
  const links = (await json("ip", "-json", "link")) as readonly { readonly ifname: string }[];
  const { nftables } = (await json("nft", "--json", "list", "ruleset")) as { readonly nftables: readonly Listed[] };
  const elements = nftables.flatMap(({ set, map }) => {
    const { table = "", name = "", elem = [] } = set ?? map ?? {};
    // kube-proxy's are not ours.
    return table.startsWith("kx_")
      ? elem.map((element) => `element of ${table} ${name}: ${JSON.stringify(element)}`)
      : [];
  });
  return [
    ...leases.map((name) => `lease ${name}`),
    ...results.map((name) => `result ${name}`),
    ...links.map(({ ifname }) => `link ${ifname}`),
    ...elements,
  ].toSorted();
}

/** The rules of kx's tables on a node. */
export async function rules(node: ClusterNode): Promise<readonly string[]> {
  const { stdout } = await node.exec("nft", ["--stateless", "list", "ruleset"]);
  const tables = stdout.split(/^(?=table )/m).filter((text) => /^table \w+ kx_/.test(text));
  // Elements are told by traces.
  return tables.map((text) => text.replaceAll(/elements = \{[^}]*\}/g, ""));
}

interface Listed {
  readonly set?: ListedSet;
  readonly map?: ListedSet;
}

interface ListedSet {
  readonly table: string;
  readonly name: string;
  readonly elem?: readonly unknown[];
}
