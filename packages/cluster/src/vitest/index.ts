import { test as base, inject } from "vitest";
import { connectCluster } from "../control.ts";
import type { Cluster } from "../types.ts";

/** What {@link test} hands to each test. */
export interface ClusterFixtures {
  /** The cluster that `sharedCluster` of `@kx/cluster/vitest/setup` started. */
  readonly cluster: Cluster;
  /** A namespace of the test's own. Its deletion is started, not awaited: that alone takes the API server 5 seconds. */
  readonly namespace: string;
}

let count = 0;

/** vitest's `test` with a cluster and a namespace: `test("...", async ({ cluster, namespace }) => ...)`. */
export const test = base.extend<ClusterFixtures>({
  // oxlint-disable-next-line no-empty-pattern -- vitest reads the parameter's text to find what a fixture needs
  cluster: async ({}, use) => {
    await use(await connectCluster(inject("kxClusterDir")));
  },
  namespace: async ({ cluster }, use) => {
    const name = `test-${process.pid.toString(36)}-${(++count).toString(36)}-${Date.now().toString(36)}`;
    await kubectl(cluster, "create", "namespace", name);
    // Pods are refused until the controller manager made it.
    await kubectl(cluster, "wait", "--for=create", "serviceaccount/default", "-n", name, "--timeout=30s");
    await use(name);
    await kubectl(cluster, "delete", "namespace", name, "--wait=false");
  },
});

async function kubectl(cluster: Cluster, ...args: string[]): Promise<void> {
  const { exitCode, stderr } = await cluster.kubectl(args);
  if (exitCode !== 0) throw new Error(`kubectl ${args.join(" ")}: ${stderr.trim()}`);
}
