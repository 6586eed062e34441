import { hash } from "node:crypto";
import { cp, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ClusterNode } from "@kx/cluster";
import { AccessMode } from "@kx/csi";
import { detachLoops } from "@kx/csi/mount";
import { afterAll, beforeAll, describe, it } from "vitest";
import { type CsiClients, csiClients, mounted } from "../support/csi-clients.ts";
import { type CsiCluster, csiCluster, driverName, registered, runHostpathAgents } from "../support/csi-cluster.ts";
import { loopsOf, until } from "../support/driver-process.ts";
import { leftovers } from "../support/leftovers.ts";
import { claim, storageClass, volumePod } from "../support/pods.ts";
import { diskDriverName } from "../support/shared-disk.ts";
import { runSharedDisks, type SharedDisks } from "../support/shared-disk-cluster.ts";
import { statusOf } from "../support/status-of.ts";

// Two drivers on two nodes: one with volumes of each node, and one whose disks any node can have attached.
describe("volumes in worse times", () => {
  let csi: CsiCluster;
  let disks: SharedDisks;
  let one: ClusterNode;
  let two: ClusterNode;
  let driver: CsiClients;

  beforeAll(async () => {
    csi = await csiCluster(2);
    [one, two] = csi.nodes as [ClusterNode, ClusterNode];
    await runHostpathAgents(csi);
    disks = await runSharedDisks(csi);
    await csi.apply(storageClass("local", "WaitForFirstConsumer"), {
      ...storageClass("disk", "Immediate"),
      provisioner: diskDriverName,
    });
    driver = csiClients(csi.socketOf(one));
  }, 240_000);
  afterAll(async () => {
    driver?.close();
    await disks?.[Symbol.asyncDispose]();
    await csi?.[Symbol.asyncDispose]();
  });

  const on = (node: ClusterNode) => ({ nodeSelector: { "kubernetes.io/hostname": node.name } });
  const handleOf = async (claimName: string) => {
    const volume = await csi.field("pvc", claimName, ".spec.volumeName");
    return csi.field("pv", volume, ".spec.csi.volumeHandle");
  };
  /** Where a claim's volume is mounted on node-1: for all pods, and for one. */
  const placesOf = async (claimName: string, pod: string) => {
    const [volume, uid] = [
      await csi.field("pvc", claimName, ".spec.volumeName"),
      await csi.field("pod", pod, ".metadata.uid"),
    ];
    const handle = await handleOf(claimName);
    const ofVolume = `${driverName}/${hash("sha256", handle)}`;
    const staging = `/var/lib/kubelet/plugins/kubernetes.io/csi/${ofVolume}/globalmount`;
    return { handle, staging, target: `/var/lib/kubelet/pods/${uid}/volumes/kubernetes.io~csi/${volume}/mount` };
  };
  const pidOf = async (name: string) => (await csi.cluster.processes()).find((each) => each.name === name)?.pid;
  const killed = async (name: string) => {
    const before = await pidOf(name);
    if (before === undefined) throw new Error(`${name} is not running`);
    process.kill(before, "SIGKILL");
    await until(async () => ![undefined, before].includes(await pidOf(name)), `${name} to be started again`);
  };
  const isReady = async (node: ClusterNode) =>
    (await csi.field("node", node.name, ".status.conditions[?(@.type=='Ready')].status").catch(String)) === "True";
  const comesBack = async (node: ClusterNode) => {
    await node.powerOn();
    await until(() => isReady(node), `${node.name} to be Ready`, 60_000);
    await registered(csi, node.name);
    await registered(csi, node.name, diskDriverName, "disk-node");
  };
  const attachedTo = async (claimName: string) => {
    const volume = await csi.field("pvc", claimName, ".spec.volumeName");
    const path = `jsonpath={.items[?(@.spec.source.persistentVolumeName=="${volume}")].spec.nodeName}`;
    return csi.kubectl("get", "volumeattachments", "-o", path);
  };

  it.concurrent("are detached from a node without power by its taint, and used elsewhere, though nobody unstaged them", async ({
    expect,
  }) => {
    await csi.apply(
      claim("moving", { storageClass: "disk" }),
      claim("deserted", { storageClass: "disk" }),
      volumePod("before", { claims: { data: "moving", other: "deserted" }, ...on(two) }),
    );
    await csi.ready("before");
    await csi.inPod("before", "echo moved > /data/f; echo deserted > /other/f; sync");
    const handle = await handleOf("moving");
    await two.powerOff();
    // A cloud tells it earlier than the silence of the node does.
    await csi.kubectl("patch", "node", two.name, "--subresource=status", "-p", notReady);
    await csi.kubectl("taint", "node", two.name, "node.kubernetes.io/out-of-service=nodeshutdown:NoExecute");
    await csi.apply(volumePod("after", { claims: { data: "moving" }, ...on(one) }));
    await csi.ready("after");
    expect(await csi.inPod("after", "cat /data/f")).toBe("moved");
    expect([...new Set(disks.calls.filter((line) => line.includes(handle)))]).toEqual([
      `attached ${handle} ${two.name}`,
      `detached ${handle} ${two.name}`,
      `attached ${handle} ${one.name}`,
    ]);
    expect(await stagedOn(two)).toHaveLength(2);
    await comesBack(two);
    await csi.kubectl("taint", "node", two.name, "node.kubernetes.io/out-of-service-");
    await expect.poll(() => stagedOn(two), { timeout: 60_000, interval: 500 }).toEqual([]);
    await csi.remove("after");
    await csi.kubectl("delete", "pvc", "moving", "--timeout=60s");

    // And now a node that is gone for good, Node object and all.
    await csi.apply(volumePod("doomed", { claims: { data: "deserted" }, ...on(two) }));
    await csi.ready("doomed");
    expect(await csi.inPod("doomed", "cat /data/f")).toBe("deserted");
    await two.powerOff();
    await csi.kubectl("delete", "node", two.name);
    await csi.kubectl("delete", "pod", "doomed", "--force", "--grace-period=0", "--ignore-not-found");
    // Kubernetes itself would wait for the node for six minutes.
    await csi.kubectl("delete", "volumeattachments", "--all", "--timeout=60s");
    const gone = await handleOf("deserted");
    expect(disks.calls.filter((line) => line.includes(gone)).at(-1)).toBe(`detached ${gone} ${two.name}`);
    await csi.apply(volumePod("heir", { claims: { data: "deserted" }, ...on(one) }));
    await csi.ready("heir");
    expect(await csi.inPod("heir", "cat /data/f")).toBe("deserted");
    expect(await attachedTo("deserted")).toBe(one.name);
    await comesBack(two);
    await csi.remove("heir");
    await csi.kubectl("delete", "pvc", "deserted", "--timeout=60s");
  }, 300_000);

  it.concurrent("do not wait for one whose file system's server hangs", async ({ expect }) => {
    await csi.apply(
      claim("hanging", { storageClass: "local" }),
      claim("fine", { storageClass: "local" }),
      volumePod("hangs", { claims: { data: "hanging" }, ...on(one) }),
      volumePod("works", { claims: { data: "fine" }, ...on(one) }),
    );
    await csi.ready("hangs", "works");
    const bad = await placesOf("hanging", "hangs");
    const good = await placesOf("fine", "works");
    const statsOf = ({ handle, target }: typeof bad) =>
      driver.node.nodeGetVolumeStats({ volumeId: handle, volumePath: target });
    const latencies = async () => {
      const taken: number[] = [];
      for (let count = 0; count < 30; count++) {
        const begun = performance.now();
        await statsOf(good);
        taken.push(performance.now() - begun);
      }
      return taken.toSorted((a, b) => a - b).map((ms) => ms.toFixed(1));
    };
    const before = await latencies();
    const server = await hungFileSystem(one, bad.target);
    let hasEnded = false;
    const stats = statusOf(statsOf(bad)).finally(() => (hasEnded = true));
    const during = await latencies();
    console.log(
      `stats of a volume, p50 and slowest: ${before[15]} and ${before[29]} ms; beside one that hangs: ${during[15]} and ${during[29]} ms`,
    );
    expect(await statusOf(driver.identity.probe({}, { timeoutMs: 5000 }))).toBe("OK");
    await csi.apply(
      claim("new", { storageClass: "local" }),
      volumePod("fresh", { claims: { data: "new" }, ...on(one) }),
    );
    await csi.ready("fresh");
    await csi.kubectl("delete", "pod", "hangs", "--wait=false");
    await csi.remove("fresh");
    expect(await csi.inPod("works", "echo on > /data/f; cat /data/f")).toBe("on");
    console.log(`the call that hangs has ${hasEnded ? "ended" : "not ended"} when a pod has come and gone`);
    expect(await stats).toBe("DEADLINE_EXCEEDED");
    await server.end();
    await csi.remove("works");
    await csi.kubectl("wait", "--for=delete", "pod/hangs", "--timeout=90s");
    await csi.kubectl("delete", "pvc", "hanging", "fine", "new", "--timeout=60s");
  }, 300_000);

  it("are served by an agent that starts while the API server is out of reach", async ({ expect }) => {
    await csi.apply(
      claim("apart", { storageClass: "local" }),
      volumePod("lone", { claims: { data: "apart" }, ...on(one) }),
    );
    await csi.ready("lone");
    const { handle, staging, target } = await placesOf("apart", "lone");
    const rejoin = await csi.cluster.partition(one);
    try {
      await killed("node-1/csi-agent");
      const probed = () => statusOf(driver.identity.probe({}, { timeoutMs: 2000 }));
      await until(async () => (await probed()) === "OK", "the driver to be ready");
      const { usage } = await driver.node.nodeGetVolumeStats({ volumeId: handle, volumePath: target });
      expect(usage.length).toBeGreaterThan(0);
      const second = "/var/lib/kubelet/second-target";
      await driver.node.nodePublishVolume({
        volumeId: handle,
        stagingTargetPath: staging,
        targetPath: second,
        volumeCapability: mounted(AccessMode.SINGLE_NODE_MULTI_WRITER),
      });
      expect((await one.exec("findmnt", ["--noheadings", second])).exitCode).toBe(0);
      await driver.node.nodeUnpublishVolume({ volumeId: handle, targetPath: second });
      expect((await one.exec("findmnt", ["--noheadings", second])).exitCode).toBe(1);
    } finally {
      await rejoin();
    }
    await csi.apply(
      claim("later", { storageClass: "local" }),
      volumePod("joined", { claims: { data: "later" }, ...on(one) }),
    );
    await csi.ready("joined");
    await csi.remove("lone", "joined");
    await csi.kubectl("delete", "pvc", "apart", "later", "--timeout=60s");
  }, 240_000);

  it("are provisioned and deleted when etcd was restored from a backup, by caches that knew later versions", async ({
    expect,
  }) => {
    const use = (name: string, storage: string) => [
      claim(name, { storageClass: storage }),
      volumePod(name, { claims: { data: name }, ...on(one) }),
    ];
    await csi.apply(...use("kept-local", "local"), ...use("kept-disk", "disk"));
    await csi.ready("kept-local", "kept-disk");
    await csi.remove("kept-local", "kept-disk");
    const restore = await backup();
    // So much that it is not made good within this test.
    await csi.apply(...Array.from({ length: 400 }, (_, index) => configMap(`lost-${index}`)));
    await csi.apply(...use("lost-local", "local"), ...use("lost-disk", "disk"));
    await csi.ready("lost-local", "lost-disk");
    const lost = { local: await handleOf("lost-local"), disk: await handleOf("lost-disk") };
    await restore();
    expect(await csi.kubectl("get", "pvc", "-o", "jsonpath={.items[*].metadata.name}")).toBe("kept-disk kept-local");
    await csi.apply(...use("new-local", "local"), ...use("new-disk", "disk"));
    await csi.ready("new-local", "new-disk");
    await csi.remove("new-local", "new-disk");
    await csi.kubectl("delete", "pvc", "--all", "--timeout=60s");
    await until(async () => (await csi.kubectl("get", "pv", "-o", "name")) === "", "the volumes to be deleted", 60_000);
    // What nobody remembers is the administrator's to remove; the kubelet has taken its pods away.
    await until(async () => (await stagedOn(one)).length === 0, "the disk to be unstaged", 60_000);
    await driver.controller.deleteVolume({ volumeId: lost.local });
    await detachLoops(join(disks.folder, "disks", lost.disk));
    await rm(join(disks.folder, "disks", lost.disk));
  }, 240_000);

  it("leave nothing behind", async ({ expect }) => {
    await expect.poll(() => leftovers(csi), { timeout: 90_000, interval: 500 }).toEqual([]);
    expect(await readdir(join(disks.folder, "disks"))).toEqual([]);
    expect(await loopsOf(disks.folder)).toEqual([]);
  });

  /** Copies what etcd has as a power cut at this moment would leave it; the result puts that back in its place. */
  async function backup(): Promise<() => Promise<void>> {
    const [data, copy] = [join(csi.dir, "etcd"), join(csi.dir, "..", "etcd-backup")];
    const pid = await pidOf("etcd");
    if (pid === undefined) throw new Error("etcd is not running");
    process.kill(pid, "SIGSTOP");
    try {
      await cp(data, copy, { recursive: true });
    } finally {
      await goOn(pid);
    }
    return async () => {
      await rename(data, join(csi.dir, "..", "etcd-lost"));
      await rename(copy, data);
      await killed("etcd");
      await csi.cluster.restartApiServer();
      // Those of Kubernetes itself do not notice it, so that administrators have to restart them; ours are not restarted.
      await Promise.all([
        killed("kube-controller-manager"),
        killed("kube-scheduler"),
        ...csi.nodes.map((node) => node.restartKubelet()),
      ]);
    };
  }
});

const notReady = JSON.stringify({
  status: { conditions: [{ type: "Ready", status: "Unknown", reason: "PoweredOff" }] },
});

/** Lets a process that was stopped go on, and the one that put it into its namespaces: nsenter stops with it. */
async function goOn(pid: number): Promise<void> {
  const statOf = async (of: number) =>
    (await readFile(`/proc/${of}/stat`, "utf8")).split(") ").at(-1)?.split(" ") ?? [];
  const both = [Number((await statOf(pid))[1]), pid];
  const areGoing = async () => {
    for (const each of both) process.kill(each, "SIGCONT");
    return (await Promise.all(both.map(statOf))).every(([state]) => state !== "T");
  };
  await until(areGoing, "etcd to go on");
}

function configMap(name: string): object {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default" } };
}

/** The folders in which a node's kubelet has disks staged; read from outside, as the node may be off. */
async function stagedOn(node: ClusterNode): Promise<readonly string[]> {
  return readdir(join(node.paths.kubelet, "plugins/kubernetes.io/csi", diskDriverName)).catch(() => []);
}

/** Mounts over a path a file system whose server answers nothing, until `end`. */
async function hungFileSystem(node: ClusterNode, target: string): Promise<{ readonly end: () => Promise<void> }> {
  const folder = join(node.paths.kubelet, "kx-fuse");
  await rm(folder, { recursive: true, force: true });
  await cp(join(import.meta.dirname, "programs/hung-fuse.ts"), join(folder, "hung-fuse.ts"));
  const inside = "/var/lib/kubelet/kx-fuse";
  const command = (await node.exec("sh", ["-c", "echo /opt/kx/*/bin/node"])).stdout.trim();
  const flag = join(folder, "mounted");
  const ended = node.exec(command, [`${inside}/hung-fuse.ts`, target, `${inside}/mounted`]);
  let said = "";
  void ended.then(({ stderr }) => (said = stderr));
  await until(async () => {
    if (said !== "") throw new Error(said);
    return (await readdir(folder)).includes("mounted");
  }, "the file system that hangs");
  return {
    async end() {
      await rm(flag);
      await ended;
    },
  };
}
