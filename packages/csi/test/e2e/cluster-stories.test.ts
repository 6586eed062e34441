import { readFileSync } from "node:fs";
import type { ClusterNode } from "@kx/cluster";
import { AccessMode } from "@kx/csi";
import { afterAll, beforeAll, describe, it } from "vitest";
import { csiClients, mounted } from "../support/csi-clients.ts";
import {
  type CsiCluster,
  csiCluster,
  driverName,
  runHostpathAgents,
  runSnapshotController,
} from "../support/csi-cluster.ts";
import { until } from "../support/driver-process.ts";
import { leftovers } from "../support/leftovers.ts";
import { claim, storageClass, volumePod } from "../support/pods.ts";
import { statusOf } from "../support/status-of.ts";

const megabytes = 1024 ** 2;
const mostVolumes = 14;

// One node, on which volumes have to be attached, with all controllers there are. The stories run beside each other.
describe("volumes of the hostpath driver over their life", () => {
  let csi: CsiCluster;
  let node: ClusterNode;

  beforeAll(async () => {
    csi = await csiCluster(1);
    node = csi.nodes[0]!;
    await runHostpathAgents(csi, { attach: true, maxVolumesPerNode: mostVolumes });
    await runSnapshotController(csi);
    await csi.apply(
      storageClass("folder", "Immediate"),
      storageClass("image", "WaitForFirstConsumer", { backing: "image" }),
      ...["silver", "gold"].map((tier) => attributesClass(tier, { tier, iops: tier === "gold" ? "9000" : "100" })),
    );
    await until(hasSnapshots, "the CRDs of snapshots", 60_000);
    await csi.apply({
      apiVersion: "snapshot.storage.k8s.io/v1",
      kind: "VolumeSnapshotClass",
      metadata: { name: "snap" },
      driver: driverName,
      deletionPolicy: "Delete",
    });
  }, 240_000);
  afterAll(() => csi?.[Symbol.asyncDispose]());

  const hasSnapshots = async () =>
    (await csi.kubectl("get", "crds", "-o", "name")).includes("volumesnapshots.snapshot.storage.k8s.io");
  const attachments = async (claimName: string) => {
    const volume = await csi.field("pvc", claimName, ".spec.volumeName");
    const all = JSON.parse(await csi.kubectl("get", "volumeattachments", "-o", "json")) as {
      readonly items: readonly { readonly spec: Spec; readonly status?: { readonly attached: boolean } }[];
    };
    return all.items.filter(({ spec }) => spec.source.persistentVolumeName === volume);
  };
  interface Spec {
    readonly attacher: string;
    readonly nodeName: string;
    readonly source: { readonly persistentVolumeName: string };
  }

  it.concurrent("grow under a running pod, be they a file system's image, a block device or a folder", async ({
    expect,
  }) => {
    const grower = volumePod("grower", {
      claims: { grown: "grow-image", wide: "grow-folder" },
      devices: { disk: "grow-block" },
    });
    await csi.apply(
      claim("grow-image", { storageClass: "image", size: "16Mi" }),
      claim("grow-block", { storageClass: "image", size: "16Mi", volumeMode: "Block" }),
      claim("grow-folder", { storageClass: "folder", size: "16Mi" }),
      grower,
    );
    await csi.ready("grower");
    await csi.inPod("grower", "echo kept > /grown/f; echo kept | dd of=/dev/disk conv=fsync,notrunc bs=512 seek=7");
    const kib = async () => Number(await csi.inPod("grower", "df -k /grown | tail -n 1 | awk '{ print $2 }'"));
    const deviceBytes = () => csi.inPod("grower", "blockdev --getsize64 /dev/disk");
    const before = await kib();
    expect(before).toBeLessThanOrEqual(16 * 1024);
    expect(await deviceBytes()).toBe(String(16 * megabytes));
    const claims = ["grow-image", "grow-block", "grow-folder"];
    const patch = JSON.stringify({ spec: { resources: { requests: { storage: "24Mi" } } } });
    await Promise.all(claims.map((name) => csi.kubectl("patch", "pvc", name, "-p", patch)));
    const sizes = async (...names: readonly string[]) =>
      (await Promise.all(names.map((name) => csi.field("pvc", name, ".status.capacity.storage")))).join();
    const quickly = { timeout: 60_000, interval: 500 };
    await expect.poll(() => sizes("grow-block", "grow-folder"), quickly).toBe("24Mi,24Mi");
    expect(await deviceBytes()).toBe(String(24 * megabytes));
    if (!mayGrowMountedExt4()) {
      // The volume waits for its pod's end, and says so.
      const told = () => csi.field("pvc", "grow-image", ".status.conditions[*].message");
      await expect.poll(told, quickly).toContain("may not be grown while it is mounted");
      await csi.remove("grower");
      await expect.poll(() => attachments("grow-image"), quickly).toEqual([]);
      await csi.apply(grower);
      await csi.ready("grower");
    }
    await expect.poll(() => sizes("grow-image"), quickly).toBe("24Mi");
    expect(await kib()).toBeGreaterThan(before + 4 * 1024);
    const kept = "cat /grown/f; dd if=/dev/disk bs=512 skip=7 count=1 2>/dev/null | head -n 1";
    expect(await csi.inPod("grower", kept)).toBe("kept\nkept");
    await csi.remove("grower");
    await csi.kubectl("delete", "pvc", ...claims, "--timeout=60s");
  });

  it.concurrent("give snapshots, volumes restored from them and clones, of the content of their moment", async ({
    expect,
  }) => {
    const sources = { copied: "copy-image", wide: "copy-folder" };
    await csi.apply(
      claim("copy-image", { storageClass: "image" }),
      claim("copy-folder", { storageClass: "folder" }),
      volumePod("copier", { claims: sources }),
    );
    await csi.ready("copier");
    const fill =
      "for d in /copied /wide; do mkdir $d/sub; seq 1 20000 > $d/sub/lines; head -c 300000 /dev/urandom > $d/noise; done; sync";
    await csi.inPod("copier", fill);
    const sums = "cd /copied && md5sum sub/lines noise; cd /wide && md5sum sub/lines noise";
    const then = await csi.inPod("copier", sums);
    await csi.apply(...Object.values(sources).map((name) => snapshot(`${name}-snap`, name)));
    const isReady = (name: string) => csi.field("volumesnapshot", name, ".status.readyToUse");
    const all = async () => (await Promise.all(Object.values(sources).map((name) => isReady(`${name}-snap`)))).join();
    await expect.poll(all, { timeout: 60_000, interval: 500 }).toBe("true,true");
    await csi.inPod("copier", "for d in /copied /wide; do echo later >> $d/sub/lines; done; sync");
    const now = await csi.inPod("copier", sums);
    expect(now).not.toBe(then);
    const copies = Object.values(sources).flatMap((name) => {
      const storage = { storageClass: name.replace("copy-", "") };
      return [
        claim(`${name}-restored`, { ...storage, dataSource: snapshotSource(`${name}-snap`) }),
        claim(`${name}-clone`, { ...storage, dataSource: { kind: "PersistentVolumeClaim", name } }),
      ];
    });
    const ofCopies = (kind: string) => ({ copied: `copy-image-${kind}`, wide: `copy-folder-${kind}` });
    await csi.apply(
      ...copies,
      volumePod("restored", { claims: ofCopies("restored") }),
      volumePod("cloned", { claims: ofCopies("clone") }),
    );
    await csi.ready("restored", "cloned");
    expect(await csi.inPod("restored", sums)).toBe(then);
    expect(await csi.inPod("cloned", sums)).toBe(now);
    await csi.remove("copier", "restored", "cloned");
    await csi.kubectl("delete", "volumesnapshots", "--all", "--timeout=60s");
    const names = Object.values(sources).flatMap((name) => [name, `${name}-restored`, `${name}-clone`]);
    await csi.kubectl("delete", "pvc", ...names, "--timeout=60s");
  });

  it.concurrent("are attached before a pod starts, and detached when it is gone", async ({ expect }) => {
    await csi.apply(
      claim("attached", { storageClass: "folder" }),
      volumePod("holder", { claims: { data: "attached" } }),
    );
    await csi.ready("holder");
    expect(await attachments("attached")).toMatchObject([
      { spec: { attacher: driverName, nodeName: "node-1" }, status: { attached: true } },
    ]);
    const volume = await csi.field("pvc", "attached", ".spec.volumeName");
    expect(await csi.field("pv", volume, ".metadata.finalizers")).toContain("external-attacher/hostpath-csi-kx-dev");
    await csi.remove("holder");
    await expect.poll(() => attachments("attached"), { timeout: 60_000, interval: 500 }).toEqual([]);
    await csi.kubectl("delete", "pvc", "attached", "--timeout=60s");
  });

  it.concurrent("take the attributes of another VolumeAttributesClass while they are used", async ({ expect }) => {
    await csi.apply(
      claim("changing", { storageClass: "folder", attributesClass: "silver" }),
      volumePod("changer", { claims: { data: "changing" } }),
    );
    await csi.ready("changer");
    const current = () => csi.field("pvc", "changing", ".status.currentVolumeAttributesClassName");
    const volume = await csi.field("pvc", "changing", ".spec.volumeName");
    const handle = await csi.field("pv", volume, ".spec.csi.volumeHandle");
    const remembered = async () =>
      (await node.exec("grep", ["-rlE", '"tier": ?"gold"', `${csi.stateDir}/state`])).stdout;
    expect(await current()).toBe("silver");
    expect(await remembered()).not.toContain(handle);
    const patch = JSON.stringify({ spec: { volumeAttributesClassName: "gold" } });
    await csi.kubectl("patch", "pvc", "changing", "-p", patch);
    await expect.poll(current, { timeout: 60_000, interval: 500 }).toBe("gold");
    expect(await csi.field("pv", volume, ".spec.volumeAttributesClassName")).toBe("gold");
    expect(await remembered()).toContain(handle);
    await csi.remove("changer");
    await csi.kubectl("delete", "pvc", "changing", "--timeout=60s");
  });

  it.concurrent("for one pod alone have one: neither kubelet nor driver lets another in", async ({ expect }) => {
    await csi.apply(
      claim("alone", { storageClass: "folder", accessMode: "ReadWriteOncePod" }),
      volumePod("first", { claims: { data: "alone" } }),
    );
    await csi.ready("first");
    // Past the scheduler.
    await csi.apply(volumePod("second", { claims: { data: "alone" }, nodeName: "node-1" }));
    const said = () => csi.events("second");
    await expect.poll(said, { timeout: 60_000, interval: 500 }).toContain("ReadWriteOncePod");
    const volume = await csi.field("pvc", "alone", ".spec.volumeName");
    const volumeId = await csi.field("pv", volume, ".spec.csi.volumeHandle");
    const staged = (await csi.traces(node)).find(
      (line) => line.startsWith("mount ") && line.includes("globalmount") && line.includes(volumeId),
    );
    const stagingTargetPath = staged?.split(" ")[1] ?? "";
    const driver = csiClients(csi.socketOf(node));
    try {
      const request = {
        volumeId,
        stagingTargetPath,
        targetPath: "/var/lib/kubelet/second-target",
        volumeCapability: mounted(AccessMode.SINGLE_NODE_SINGLE_WRITER),
        publishContext: { readonly: "false" },
      };
      expect(await statusOf(driver.node.nodePublishVolume(request))).toBe("FAILED_PRECONDITION");
    } finally {
      driver.close();
    }
    await csi.remove("first");
    await csi.ready("second");
    await csi.remove("second");
    await csi.kubectl("delete", "pvc", "alone", "--timeout=60s");
  });

  it("are provisioned once each, though the driver and its provisioner are killed meanwhile", async ({ expect }) => {
    const names = Array.from({ length: 30 }, (_, index) => `killed-${index}`);
    await csi.apply(...names.map((name) => claim(name, { storageClass: "folder", size: "1Mi" })));
    const countBound = async () => {
      const phases = await csi.kubectl("get", "pvc", "-o", "jsonpath={.items[*].status.phase}");
      return phases.split(" ").filter((phase) => phase === "Bound").length;
    };
    const pidOf = async () => (await csi.cluster.processes()).find(({ name }) => name === "node-1/csi-agent")?.pid;
    await until(async () => (await countBound()) > 0, "the first claim to be bound");
    const killed = await pidOf();
    if (killed === undefined) throw new Error("the driver does not run");
    process.kill(killed, "SIGKILL");
    const before = await countBound();
    console.log(`${before} of ${names.length} claims were bound when the driver was killed`);
    expect(before).toBeLessThan(names.length);
    await csi.bound(...names);
    expect(await pidOf()).not.toBe(killed);
    const kept = (await csi.traces(node)).filter((line) => /^kept \S+\/volumes\//.test(line));
    const volumes = (await csi.kubectl("get", "pv", "-o", "name")).split("\n");
    expect(kept).toHaveLength(volumes.length);
    await csi.kubectl("delete", "pvc", ...names, "--timeout=60s");
  });

  it("are at most so many on a node: the scheduler knows, and the driver refuses what goes past it", async ({
    expect,
  }) => {
    const names = Array.from({ length: mostVolumes + 1 }, (_, index) => `many-${index}`);
    const claims = Object.fromEntries(names.map((name) => [name, name]));
    await csi.apply(...names.map((name) => claim(name, { storageClass: "folder", size: "1Mi" })));
    await csi.bound(...names);
    await csi.apply(volumePod("scheduled", { claims }));
    const why = () => csi.field("pod", "scheduled", ".status.conditions[*].message");
    await expect.poll(why, { timeout: 60_000, interval: 500 }).toContain("max volume count");
    await csi.apply(volumePod("forced", { claims, nodeName: "node-1" }));
    const refusals = () =>
      csi.kubectl("get", "volumeattachments", "-o", "jsonpath={.items[*].status.attachError.message}");
    await expect.poll(refusals, { timeout: 60_000, interval: 500 }).toContain(`has its ${mostVolumes} volumes`);
    await csi.remove("scheduled", "forced");
    await csi.kubectl("delete", "pvc", ...names, "--timeout=60s");
  });

  it("leave nothing behind, where each kind of leak is seen", async ({ expect }) => {
    await expect.poll(() => leftovers(csi), { timeout: 90_000, interval: 500 }).toEqual([]);
    const [folder, image] = [`${csi.stateDir}/volumes/planted`, `${csi.stateDir}/making/planted`];
    const mountPoint = "/var/lib/kubelet/pods/0/volumes/kubernetes.io~csi/planted/mount";
    const run = async (program: string, ...args: string[]) => {
      const { exitCode, stdout, stderr } = await node.exec(program, args);
      if (exitCode !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr}`);
      return stdout.trim();
    };
    await csi.apply(...plantedObjects);
    await run("mkdir", "-p", folder, mountPoint);
    await run("mount", "--bind", folder, mountPoint);
    await run("truncate", "--size=1M", image);
    const device = await run("losetup", "--find", "--show", image);
    try {
      expect(await leftovers(csi)).toEqual([
        "PersistentVolume planted [kubernetes.io/pv-protection]",
        "VolumeAttachment planted []",
        `node-1: kept ${image}`,
        `node-1: kept ${folder}`,
        expect.stringContaining(`node-1: loop ${device} ${image}`),
        expect.stringContaining(`node-1: mount ${mountPoint}`),
        expect.stringContaining("node-1: pod's /var/lib/kubelet/pods/0/volumes/kubernetes.io~csi/planted"),
        expect.stringContaining("node-1: pod's"),
      ]);
    } finally {
      await run("losetup", "--detach", device);
      await run("umount", mountPoint);
      await run("rm", "-r", "/var/lib/kubelet/pods/0", folder, image);
      await csi.kubectl("delete", "volumeattachment,pv", "planted", "--timeout=60s");
    }
    await expect.poll(() => leftovers(csi), { timeout: 60_000, interval: 500 }).toEqual([]);
  });
});

/** Whether this machine's processes have CAP_SYS_RESOURCE, which the kernel wants for that; a container may lack it. */
function mayGrowMountedExt4(): boolean {
  const capabilities = /^CapEff:\s*(\w+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  return (BigInt(`0x${capabilities}`) & (1n << 24n)) !== 0n;
}

const plantedObjects = [
  {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: "planted" },
    spec: {
      capacity: { storage: "1Mi" },
      accessModes: ["ReadWriteOnce"],
      persistentVolumeReclaimPolicy: "Retain",
      csi: { driver: "other.example", volumeHandle: "planted" },
    },
  },
  {
    apiVersion: "storage.k8s.io/v1",
    kind: "VolumeAttachment",
    metadata: { name: "planted" },
    spec: { attacher: "other.example", nodeName: "node-1", source: { persistentVolumeName: "planted" } },
  },
];

function attributesClass(name: string, parameters: Readonly<Record<string, string>>): object {
  return {
    apiVersion: "storage.k8s.io/v1",
    kind: "VolumeAttributesClass",
    metadata: { name },
    driverName,
    parameters,
  };
}

function snapshot(name: string, persistentVolumeClaimName: string): object {
  return {
    apiVersion: "snapshot.storage.k8s.io/v1",
    kind: "VolumeSnapshot",
    metadata: { name, namespace: "default" },
    spec: { volumeSnapshotClassName: "snap", source: { persistentVolumeClaimName } },
  };
}

function snapshotSource(name: string): object {
  return { apiGroup: "snapshot.storage.k8s.io", kind: "VolumeSnapshot", name };
}
