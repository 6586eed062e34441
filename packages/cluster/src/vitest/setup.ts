import type { TestProject } from "vitest/node";
import { startCluster } from "../start-cluster.ts";
import type { ClusterOptions } from "../types.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** State folder of the cluster that {@link sharedCluster} started. */
    kxClusterDir: string;
  }
}

/**
 * A vitest `globalSetup` that starts one cluster for all test files and stops it at the end:
 * `export default sharedCluster({ nodes: 2 })`. It runs in vitest's main process, so the cluster ends with it. It is a
 * module of its own because vitest's `test` cannot be imported there.
 */
export function sharedCluster(options: ClusterOptions = {}): (project: TestProject) => Promise<() => Promise<void>> {
  return async (project) => {
    const cluster = await startCluster(options);
    project.provide("kxClusterDir", cluster.dir);
    return () => cluster.stop();
  };
}
