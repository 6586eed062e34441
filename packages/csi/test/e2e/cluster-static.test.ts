import type { ClusterNode } from "@kx/cluster";
import { AccessMode } from "@kx/csi";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { asBlock, type CsiClients, csiClients, mounted } from "../support/csi-clients.ts";
import { type CsiCluster, csiCluster, registered, runHostpathAgents } from "../support/csi-cluster.ts";
import { loopsOf, until } from "../support/driver-process.ts";
import { leftovers } from "../support/leftovers.ts";
import { staticVolume, volumePod } from "../support/pods.ts";

const megabytes = 1024n ** 2n;

// Volumes that nobody provisions, of a real kubelet, with the driver in the node agent.
describe("volumes of the hostpath driver in pods", () => {
  let csi: CsiCluster;
  let node: ClusterNode;
  let driver: CsiClients;
  const made: string[] = [];
  let isDown = false;

  beforeAll(async () => {
    csi = await csiCluster(1);
    node = csi.nodes[0]!;
    await runHostpathAgents(csi);
    driver = csiClients(csi.socketOf(node));
  }, 240_000);
  afterAll(async () => {
    driver?.close();
    if (!isDown) await csi?.[Symbol.asyncDispose]();
  });

  /** Has the driver make a volume, and writes its PersistentVolume and claim by hand. */
  async function provide(
    name: string,
    { backing = "directory", accessMode = "ReadWriteOnce", isBlock = false } = {},
  ): Promise<void> {
    const mode =
      accessMode === "ReadWriteOncePod" ? AccessMode.SINGLE_NODE_SINGLE_WRITER : AccessMode.SINGLE_NODE_MULTI_WRITER;
    const { volume } = await driver.controller.createVolume({
      name,
      capacityRange: { requiredBytes: 16n * megabytes },
      volumeCapabilities: [isBlock ? asBlock(mode) : mounted(mode)],
      parameters: isBlock ? {} : { backing },
    });
    const volumeId = volume?.volumeId ?? "";
    made.push(volumeId);
    await csi.apply(...staticVolume(name, volumeId, { accessMode, volumeMode: isBlock ? "Block" : "Filesystem" }));
  }

  // Pods are gone from the API server before the kubelet is done with their volumes; one that is restarted meanwhile forgets some.
  const used = async () => (await csi.traces(node)).filter((line) => !line.startsWith("kept"));

  it("are made for a pod inline, of the size that is asked for, and end with it", async () => {
    const inline = { folder: {}, image: { backing: "image", size: "24Mi" } };
    await csi.apply(volumePod("inline", { inline }));
    await csi.ready("inline");
    await csi.inPod("inline", "echo one > /folder/f; echo two > /image/f");
    expect(await csi.inPod("inline", "cat /folder/f /image/f")).toBe("one\ntwo");
    const kib = Number(await csi.inPod("inline", "df -k /image | tail -n 1 | awk '{ print $2 }'"));
    expect(kib).toBeGreaterThan(16 * 1024);
    expect(kib).toBeLessThanOrEqual(24 * 1024);
    expect((await csi.traces(node)).join("\n")).toMatch(/^kept .*ephemeral/m);
    await csi.remove("inline");
    await expect.poll(() => csi.traces(node), { timeout: 60_000, interval: 500 }).toEqual([]);
  }, 240_000);

  it.each(["directory", "image"])(
    "kept as %s have their data when the pod is made again",
    async (backing) => {
      const name = `static-${backing}`;
      await provide(name, { backing });
      await csi.apply(volumePod("first", { claims: { data: name } }));
      await csi.ready("first");
      await csi.inPod("first", `echo ${name} > /data/f; sync`);
      await csi.remove("first");
      const isStaged = async () => (await csi.traces(node)).some((line) => /^(mount|loop|kubelet)/.test(line));
      await until(async () => !(await isStaged()), "the volume to be unstaged", 60_000);
      await csi.apply(volumePod("second", { claims: { data: name } }));
      await csi.ready("second");
      expect(await csi.inPod("second", "cat /data/f")).toBe(name);
      await csi.remove("second");
    },
    240_000,
  );

  it("are shared by two pods of a node, unless they are for one pod alone", async () => {
    await provide("shared");
    await csi.apply(
      volumePod("left", { claims: { data: "shared" } }),
      volumePod("right", { claims: { data: "shared" } }),
    );
    await csi.ready("left", "right");
    await csi.inPod("left", "echo from-left > /data/f");
    expect(await csi.inPod("right", "cat /data/f")).toBe("from-left");
    await csi.remove("left", "right");
    await provide("alone", { accessMode: "ReadWriteOncePod" });
    await csi.apply(volumePod("only", { claims: { data: "alone" } }));
    await csi.ready("only");
    await csi.apply(volumePod("other", { claims: { data: "alone" } }));
    const why = () => csi.kubectl("get", "pod", "other", "-o", "jsonpath={.status.conditions[*].message}");
    await expect.poll(why, { timeout: 60_000 }).toContain("ReadWriteOncePod");
    await csi.remove("only");
    await csi.ready("other");
    await csi.remove("other");
  }, 240_000);

  it("belong to the pod's group, and cannot be written where they are read-only", async () => {
    await provide("grouped");
    const securityContext = { runAsUser: 1000, runAsGroup: 1000, fsGroup: 4321 };
    await csi.apply(volumePod("member", { claims: { data: "grouped" }, securityContext }));
    await csi.ready("member");
    await csi.inPod("member", "echo mine > /data/f");
    expect(await csi.inPod("member", "stat -c %g /data /data/f")).toBe("4321\n4321");
    await csi.remove("member");
    await csi.apply(volumePod("reader", { claims: { data: "grouped" }, readOnly: true }));
    await csi.ready("reader");
    expect(await csi.inPod("reader", "cat /data/f; echo no > /data/g || echo refused")).toBe("mine\nrefused");
    await csi.remove("reader");
  }, 240_000);

  it("are block devices if they are asked for so", async () => {
    await provide("raw", { isBlock: true });
    await csi.apply(volumePod("blocky", { devices: { disk: "raw" } }));
    await csi.ready("blocky");
    await csi.inPod("blocky", "echo raw-data | dd of=/dev/disk conv=fsync,notrunc bs=512 seek=3");
    expect(await csi.inPod("blocky", "blockdev --getsize64 /dev/disk")).toBe(String(16n * megabytes));
    await csi.remove("blocky");
    await csi.apply(volumePod("blocky-again", { devices: { disk: "raw" } }));
    await csi.ready("blocky-again");
    expect(await csi.inPod("blocky-again", "dd if=/dev/disk bs=512 skip=3 count=1 | head -n 1")).toBe("raw-data");
    await csi.remove("blocky-again");
    await expect.poll(used, { timeout: 60_000, interval: 500 }).toEqual([]);
  }, 240_000);

  it("stay as they are when the driver is killed and when the kubelet is restarted", async () => {
    await provide("outlives", { backing: "image" });
    await csi.apply(volumePod("steady", { claims: { data: "outlives" }, inline: { own: {} } }));
    await csi.ready("steady");
    await csi.inPod("steady", "echo before > /data/f; echo before > /own/f");
    const agent = async () => (await csi.cluster.processes()).find(({ name }) => name === "node-1/csi-agent");
    const killed = (await agent())?.pid ?? 0;
    process.kill(killed, "SIGKILL");
    await until(
      async () => ![undefined, killed].includes((await agent())?.pid),
      "the driver to be started again",
      60_000,
    );
    expect(await csi.inPod("steady", "cat /data/f /own/f; echo after > /data/f; cat /data/f")).toBe(
      "before\nbefore\nafter",
    );
    await registered(csi, "node-1");
    await csi.apply(volumePod("joins", { claims: { data: "outlives" } }));
    await csi.ready("joins");
    expect(await csi.inPod("joins", "cat /data/f")).toBe("after");
    await node.restartKubelet();
    // It knows its pods again a moment after it listens.
    const seen = () => csi.inPod("steady", "cat /data/f").catch(String);
    await expect.poll(seen, { timeout: 60_000, interval: 500 }).toBe("after");
    await csi.apply(volumePod("late", { claims: { data: "outlives" } }));
    await csi.ready("late");
    expect(await csi.inPod("late", "cat /data/f")).toBe("after");
    await csi.remove("steady", "joins", "late");
  }, 240_000);

  it("leave nothing behind", async () => {
    await csi.kubectl("delete", "pvc", "--all", "--timeout=60s");
    await csi.kubectl("delete", "pv", "--all", "--timeout=60s");
    await expect.poll(used, { timeout: 60_000, interval: 500 }).toEqual([]);
    expect((await csi.traces(node)).length).toBe(made.length);
    for (const volumeId of made) await driver.controller.deleteVolume({ volumeId });
    await expect.poll(() => leftovers(csi), { timeout: 60_000, interval: 500 }).toEqual([]);
  }, 240_000);

  it("end with the cluster, as the loop device of one does that nobody has unstaged", async () => {
    await provide("raw-to-the-end", { isBlock: true });
    await csi.apply(volumePod("last", { devices: { disk: "raw-to-the-end" } }));
    await csi.ready("last");
    expect(await loopsOf(csi.stateDir)).toHaveLength(1);
    await csi[Symbol.asyncDispose]();
    isDown = true;
    expect(await loopsOf(csi.stateDir)).toEqual([]);
  }, 240_000);
});
