import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { extension } from "@kx/csi/hostpath";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CsiCluster, csiCluster, registered } from "../support/csi-cluster.ts";
import { hostpathImage, hostpathImageName } from "../support/hostpath-image.ts";
import { leftovers } from "../support/leftovers.ts";
import { claim, storageClass, volumePod } from "../support/pods.ts";

const inSystem = ["-n", "kx-system"];

// As clusters run drivers: nothing of it is on the node but what its pod mounts.
describe("the hostpath driver as a DaemonSet", () => {
  let csi: CsiCluster;

  beforeAll(async () => {
    csi = await csiCluster(1);
    const archive = join(csi.dir, "hostpath.tar");
    await writeFile(archive, await hostpathImage());
    await csi.cluster.loadImage(archive);
  }, 240_000);
  afterAll(() => csi?.[Symbol.asyncDispose]());

  const rollout = () =>
    csi.kubectl("rollout", "status", "daemonset/kx-csi-hostpath", ...inSystem, "--timeout=120s").catch(explain);

  it("registers with what is rendered for it", async () => {
    const rendered = extension.create({ stateDir: csi.stateDir }).manifests({
      namespace: "kx-system",
      image: hostpathImageName,
    });
    await csi.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: "kx-system" } }, ...rendered);
    await rollout();
    await registered(csi, "node-1");
  }, 240_000);

  it("provisions, mounts folders and images, and its pods come and go under running ones", async () => {
    await csi.apply(
      storageClass("folder", "WaitForFirstConsumer"),
      storageClass("image", "WaitForFirstConsumer", { backing: "image" }),
      claim("one", { storageClass: "folder" }),
      claim("two", { storageClass: "image" }),
      volumePod("user", { claims: { one: "one", two: "two" }, inline: { own: {} } }),
    );
    await csi.ready("user");
    await csi.inPod("user", "echo 1 > /one/f; echo 2 > /two/f; echo 3 > /own/f");
    await csi.kubectl("rollout", "restart", "daemonset/kx-csi-hostpath", ...inSystem);
    await rollout();
    await registered(csi, "node-1");
    expect(await csi.inPod("user", "cat /one/f /two/f /own/f")).toBe("1\n2\n3");
    await csi.apply(volumePod("other", { claims: { one: "one", two: "two" } }));
    await csi.ready("other");
    expect(await csi.inPod("other", "cat /one/f /two/f")).toBe("1\n2");
    await csi.remove("user", "other");
  }, 400_000);

  it("leaves nothing behind", async () => {
    await csi.kubectl("delete", "pvc", "--all", "--timeout=60s");
    await expect.poll(() => leftovers(csi), { timeout: 90_000, interval: 500 }).toEqual([]);
  }, 240_000);

  async function explain(error: Error): Promise<never> {
    const pods = await csi.kubectl("describe", "pods", ...inSystem);
    const logs = await csi.kubectl("logs", "daemonset/kx-csi-hostpath", ...inSystem).catch(String);
    throw new Error([error.message, pods, logs].join("\n"), { cause: error });
  }
});
