import type { ClusterNode } from "@kx/cluster";
import type { CsiCluster } from "./csi-cluster.ts";

interface Listed {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly finalizers?: readonly string[] };
}

/**
 * What is left of volumes in a cluster, as lines: objects with their finalizers, and on each node mounts, loop devices, folders
 * and what the driver remembers. None at the end of a file.
 */
export async function leftovers(csi: CsiCluster): Promise<readonly string[]> {
  const snapshotKinds = await csi.kubectl("api-resources", "--api-group=snapshot.storage.k8s.io", "-o", "name");
  const ofSnapshots = snapshotKinds.split("\n").filter((name) => name !== "" && !name.includes("class"));
  const kinds = ["pvc", "pv", "volumeattachments", ...ofSnapshots].join();
  const { items } = JSON.parse(await csi.kubectl("get", kinds, "--all-namespaces", "-o", "json")) as {
    readonly items: readonly Listed[];
  };
  const onNodes = csi.nodes.map(async (node) => [
    ...(await tracesOf(node, csi.stateDir)),
    ...(await rememberedOn(node, csi.stateDir)),
  ]);
  return [
    ...items.map(({ kind, metadata: { name, finalizers = [] } }) => `${kind} ${name} [${finalizers.join()}]`),
    ...(await Promise.all(onNodes)).flatMap((lines, index) =>
      lines.map((line) => `${csi.nodes[index]?.name ?? ""}: ${line}`),
    ),
  ];
}

/** What the driver and its volumes have on a node, as lines to compare: mounts, loop devices, folders. */
export async function tracesOf(node: ClusterNode, stateDir: string): Promise<readonly string[]> {
  const mounts = await linesOf(node, "findmnt", "--noheadings", "--raw", "--output", "TARGET,SOURCE");
  const loops = await linesOf(node, "losetup", "--list", "--noheadings", "--raw", "--output", "NAME,BACK-FILE");
  const shelves = ["volumes", "ephemeral", "snapshots", "making"].flatMap((name) => ["-o", "-path", `*/${name}/*`]);
  const kept = await linesOf(node, "find", stateDir, "-mindepth", "2", "-maxdepth", "2", "(", ...shelves.slice(1), ")");
  const folder = "/var/lib/kubelet/plugins/kubernetes.io/csi";
  const kubelet = await linesOf(node, "find", folder, "-mindepth", "2", "-maxdepth", "3");
  return [
    ...mounts
      .filter((line) => /kubernetes\.io[~/]csi|volumeDevices/.test(line) || line.includes(stateDir))
      .map((line) => `mount ${line}`),
    ...loops.filter((line) => line.includes(stateDir)).map((line) => `loop ${line}`),
    ...kept.map((line) => `kept ${line}`),
    // Two folders for block volumes stay, empty.
    ...kubelet.filter((line) => !/volumeDevices\/(publish|staging)$/.test(line)).map((line) => `kubelet ${line}`),
  ].toSorted();
}

/** What the driver remembers of volumes, and what the kubelet has of pods' volumes. */
async function rememberedOn(node: ClusterNode, stateDir: string): Promise<readonly string[]> {
  const state = await linesOf(node, "find", `${stateDir}/state`, "-mindepth", "2", "-type", "f");
  const ofPods = await linesOf(
    node,
    "find",
    "/var/lib/kubelet/pods",
    "-mindepth",
    "4",
    "-path",
    "*kubernetes.io~csi/*",
  );
  return [...state.map((line) => `remembered ${line}`), ...ofPods.map((line) => `pod's ${line}`)];
}

async function linesOf(node: ClusterNode, program: string, ...args: readonly string[]): Promise<readonly string[]> {
  return (await node.exec(program, args)).stdout.split("\n").filter((line) => line !== "");
}
