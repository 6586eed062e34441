import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CsiCluster, csiCluster, runHostpathAgents } from "../support/csi-cluster.ts";
import { until } from "../support/driver-process.ts";
import { leftovers } from "../support/leftovers.ts";
import { claim, storageClass, volumePod } from "../support/pods.ts";

// Volumes that each node's agent provisions for its node.
describe("claims of the hostpath driver's classes", () => {
  let csi: CsiCluster;

  beforeAll(async () => {
    csi = await csiCluster(2);
    await runHostpathAgents(csi);
    await csi.apply(
      storageClass("at-once", "Immediate"),
      storageClass("at-use", "WaitForFirstConsumer"),
      storageClass("at-use-image", "WaitForFirstConsumer", { backing: "image" }),
    );
  }, 240_000);
  afterAll(() => csi?.[Symbol.asyncDispose]());

  /** The node whose volumes alone a PersistentVolume can be. */
  const placeOf = async (name: string) => {
    const volume = await csi.field("pvc", name, ".spec.volumeName");
    return csi.field("pv", volume, ".spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].values[0]");
  };

  it("are bound at once, and their pod follows the volume, which has its data when the pod is made again", async () => {
    await csi.apply(claim("first", { storageClass: "at-once" }));
    await csi.bound("first");
    const node = await placeOf("first");
    await csi.apply(volumePod("writer", { claims: { data: "first" } }));
    await csi.ready("writer");
    expect(await csi.field("pod", "writer", ".spec.nodeName")).toBe(node);
    await csi.inPod("writer", "echo kept > /data/f");
    await csi.remove("writer");
    await csi.apply(volumePod("reader", { claims: { data: "first" } }));
    await csi.ready("reader");
    expect(await csi.inPod("reader", "cat /data/f")).toBe("kept");
    await csi.remove("reader");
  }, 240_000);

  it("are made where their pod is, if the class waits for it", async () => {
    for (const [index, name] of ["node-1", "node-2"].entries()) {
      const wanted = { nodeSelector: { "kubernetes.io/hostname": name } };
      await csi.apply(claim(`use-${index}`, { storageClass: index === 0 ? "at-use" : "at-use-image" }));
      await csi.apply(volumePod(`user-${index}`, { claims: { data: `use-${index}` }, ...wanted }));
    }
    await csi.ready("user-0", "user-1");
    expect(await Promise.all([placeOf("use-0"), placeOf("use-1")])).toEqual(["node-1", "node-2"]);
    await csi.inPod("user-1", "echo far > /data/f");
    await csi.remove("user-0", "user-1");
    await csi.apply(volumePod("follower", { claims: { data: "use-1" } }));
    await csi.ready("follower");
    expect(await csi.field("pod", "follower", ".spec.nodeName")).toBe("node-2");
    expect(await csi.inPod("follower", "cat /data/f")).toBe("far");
    await csi.remove("follower");
  }, 240_000);

  it("keep their volume while a pod uses it, though they are deleted", async () => {
    await csi.apply(volumePod("user", { claims: { data: "first" } }));
    await csi.ready("user");
    const volume = await csi.field("pvc", "first", ".spec.volumeName");
    await csi.kubectl("delete", "pvc", "first", "--wait=false");
    await until(
      async () => (await csi.field("pvc", "first", ".metadata.deletionTimestamp")) !== "",
      "the deletion",
      60_000,
    );
    expect(await csi.inPod("user", "cat /data/f; echo still > /data/f; cat /data/f")).toBe("kept\nstill");
    expect(await csi.field("pv", volume, ".status.phase")).toBe("Bound");
    await csi.remove("user");
    const left = () => csi.kubectl("get", "pv", volume, "--ignore-not-found", "-o", "name");
    await expect.poll(left, { timeout: 90_000, interval: 500 }).toBe("");
  }, 240_000);

  it("leave nothing behind, also two hundred at once", async () => {
    const names = Array.from({ length: 200 }, (_, index) => `many-${index}`);
    const started = Date.now();
    await csi.apply(...names.map((name) => ({ ...claim(name, { storageClass: "at-once", size: "1Mi" }) })));
    const count = async () => {
      const phases = await csi.kubectl("get", "pvc", "-o", "jsonpath={.items[*].status.phase}");
      return phases.split(" ").filter((phase) => phase === "Bound").length;
    };
    await expect.poll(count, { timeout: 240_000, interval: 1000 }).toBe(202);
    console.log(`200 claims bound after ${Date.now() - started} ms`);
    await csi.kubectl("delete", "pvc", "--all", "--timeout=120s");
    const volumes = () => csi.kubectl("get", "pv", "-o", "name");
    await expect.poll(volumes, { timeout: 240_000, interval: 1000 }).toBe("");
    await expect.poll(() => leftovers(csi), { timeout: 60_000, interval: 500 }).toEqual([]);
  }, 600_000);
});
