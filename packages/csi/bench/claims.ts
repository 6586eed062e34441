import { startControlPlane } from "@kx/cluster";
import { PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { StorageClass } from "@kx/controllers/api/storage-v1";
import { clusterClient } from "@kx/controllers/testing";
import { sleep } from "@kx/core";
import { startHostpath } from "../test/support/driver-process.ts";
import { cpuMsOf } from "./processes.ts";

/** How fast claims are bound. */
export interface ClaimFigures {
  readonly claims: number;
  /** From the first request until all are Bound. */
  readonly perSecond: number;
  /** Of the driver's process, for all. */
  readonly cpuMs: number;
}

const driverName = "claims.csi.kx.dev";
const namespace = "default";
const storageClassName = "claims";

/**
 * Makes so many claims at once, for a driver with its provisioner in one process, against a real API server and a
 * kube-controller-manager with the flags of every cluster of @kx/cluster.
 */
export async function measureClaims(claims: number, say: (text: string) => void): Promise<ClaimFigures> {
  const cluster = await startControlPlane({ controllerManager: true });
  try {
    await using client = await clusterClient(cluster);
    const parts = ["--embed", "provisioner", "--kubeconfig", cluster.kubeconfig];
    await using driver = await startHostpath(["--driver-name", driverName, "--durability", "rename", ...parts]);
    // Volumes are where the driver is: without a pod, any node will do.
    await client.create(StorageClass, { metadata: { name: storageClassName }, provisioner: driverName });
    const cpuBefore = await cpuMsOf(driver.pid);
    const begin = performance.now();
    const seconds = () => (performance.now() - begin) / 1000;
    const claim = (number: number) => ({
      metadata: { name: `claim-${number}`, namespace },
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Mi" } }, storageClassName },
    });
    await Promise.all(
      Array.from({ length: claims }, (_, number) => client.create(PersistentVolumeClaim, claim(number))),
    );
    say(`${claims} claims are made after ${seconds().toFixed(1)} s`);
    for (;;) {
      const { items } = await client.list(PersistentVolumeClaim, { namespace });
      if (items.filter(({ status }) => status?.phase === "Bound").length === claims) break;
      await sleep(500);
    }
    return { claims, perSecond: claims / seconds(), cpuMs: (await cpuMsOf(driver.pid)) - cpuBefore };
  } finally {
    await cluster.stop();
  }
}
