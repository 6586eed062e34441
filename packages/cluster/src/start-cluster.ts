import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { KxError } from "@kx/core";
import { defaultAssetNames } from "./assets/index.ts";
import { ClusterBuilder } from "./cluster-builder.ts";
import { execute } from "./host.ts";
import type { PlannedNode } from "./node-life.ts";
import { planCgroups } from "./plan/cgroups.ts";
import { planNetwork } from "./plan/network.ts";
import { Rig } from "./rig.ts";
import type { Cluster, ClusterOptions } from "./types.ts";

/**
 * Starts a whole cluster: control plane, nodes, bootstrap pod network, kube-proxy and an image registry, in namespaces
 * of its own. Needs root on Linux. Resolves when all nodes are Ready and the default ServiceAccount is there. The
 * cluster's processes end with this process, however it ends.
 *
 * @throws KxError KX_CLUSTER_* and KX_ASSETS_*; nothing is left behind then.
 */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const count = options.nodes ?? 1;
  if (!Number.isInteger(count) || count < 1 || count > 9) {
    throw new KxError("KX_CLUSTER_OPTION", `nodes is ${count}`, { remedy: "give a whole number from 1 to 9" });
  }
  if (options.dns === true && options.network === "none") {
    throw new KxError("KX_CLUSTER_OPTION", "CoreDNS needs a pod network", {
      remedy: "leave out dns or `network: none`",
    });
  }
  const ipFamilies = options.ipFamilies ?? ["ipv4"];
  if (!["ipv4", "ipv4,ipv6"].includes(ipFamilies.join())) {
    throw new KxError("KX_CLUSTER_OPTION", `ipFamilies is ${ipFamilies.join() || "empty"}`, {
      remedy: 'give ["ipv4"] or ["ipv4", "ipv6"]',
    });
  }
  if (process.getuid?.() !== 0) {
    throw new KxError("KX_CLUSTER_HOST", "a cluster with nodes needs root", {
      remedy: "run as root, or use startControlPlane (`kx up --control-plane-only`), which does not",
    });
  }
  if (ipFamilies.includes("ipv6") && !existsSync("/proc/sys/net/ipv6")) {
    throw new KxError("KX_CLUSTER_HOST", "this machine's kernel has no IPv6", {
      remedy: 'leave "ipv6" out of ipFamilies, or start the kernel without ipv6.disable=1',
    });
  }
  // Clusters may start in the same process at the same moment.
  const id = randomBytes(5).toString("hex");
  const nodes = await planNodes(count, `kx-${id}`);
  const networkId = options.hostNetworkRoute ? await freeNetworkId() : 0;
  const link = options.hostNetworkRoute ? `kxh${networkId}` : undefined;
  const wanted = { controllerManager: true, scheduler: true, ...options };
  const assets = [...defaultAssetNames(), ...(options.dns === true ? ["coredns"] : [])];
  const rig = await Rig.claim(wanted, "cluster", assets, {
    cgroups: nodes.flatMap((node) => node.cgroups.dirs),
    ...(link === undefined ? {} : { link }),
  });
  try {
    return await new ClusterBuilder(rig, options, nodes, planNetwork(networkId, ipFamilies), link).build();
  } catch (error) {
    return await rig.abandon(error);
  }
}

async function planNodes(count: number, prefix: string): Promise<PlannedNode[]> {
  const [self, mountinfo] = await Promise.all([
    readFile("/proc/self/cgroup", "utf8"),
    readFile("/proc/self/mountinfo", "utf8"),
  ]);
  return Array.from({ length: count }, (_, i) => {
    const name = `node-${i + 1}`;
    const cgroups = planCgroups(self, mountinfo, `${prefix}-${name}`);
    if ("unusable" in cgroups) {
      throw new KxError("KX_CLUSTER_HOST", cgroups.unusable, { remedy: "`kx doctor` lists what a node needs" });
    }
    return { name, index: i + 1, cgroups };
  });
}

/** A network number that no other cluster of this machine routes to. */
async function freeNetworkId(): Promise<number> {
  const { stdout } = await execute("ip", ["-o", "link", "show"]);
  for (let id = 1; id < 96; id++) if (!stdout.includes(`kxh${id}:`) && !stdout.includes(`kxh${id}@`)) return id;
  throw new KxError("KX_CLUSTER_HOST", "more than 95 clusters are routed to from this machine");
}
