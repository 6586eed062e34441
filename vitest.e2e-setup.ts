import { installMissing, prerequisites } from "@kx/cluster";
import { sharedCluster } from "@kx/cluster/vitest/setup";
import type { TestProject } from "vitest/node";

const startShared = sharedCluster({
  nodes: 2,
  onProgress: ({ step, state, elapsedMs }) => {
    if (state !== "started") console.error(`e2e cluster: ${step} ${state} (${(elapsedMs / 1000).toFixed(1)} s)`);
  },
});

// The cluster that e2e tests share. Files that restart or cut off parts start their own.
export default async function setup(project: TestProject): Promise<undefined | (() => Promise<void>)> {
  const onProgress = ({ step, state }: { step: string; state: string }): void => console.error(`${step}: ${state}`);
  await installMissing(await prerequisites(), { onProgress });
  return project.name === "e2e" ? startShared(project) : undefined;
}
