import { resolve } from "node:path";
import { connectCluster } from "@kx/cluster";
import { clusterDir } from "../cluster-dir.ts";
import type { Terminal } from "../terminal.ts";

/** Flags of `kx load`. */
export interface LoadOptions {
  readonly dir?: string;
}

/** Gives the cluster's registry the images of an OCI archive. Resolves to the exit code. */
export async function load(archive: string, options: LoadOptions, { stdout, env }: Terminal): Promise<number> {
  const cluster = await connectCluster(clusterDir(options.dir, env));
  await cluster.loadImage(resolve(archive));
  stdout.write(`pods can use the images of ${archive}\n`);
  return 0;
}
