import { fileURLToPath } from "node:url";
import { bundle } from "@kx/tooling/tsup";
import { defineConfig } from "tsup";

const worker = fileURLToPath(new URL("../../packages/cni/src/net/worker.ts", import.meta.url));

// One file that needs nothing else to start, and the worker of the pod network: on a node there is no node_modules.
export default defineConfig({
  ...bundle({ main: "src/main.ts", worker }),
  // Only for kubeconfigs that run programs, which nodes have none of; it is larger than all the rest.
  external: ["@kubernetes/client-node"],
  noExternal: [/^(?!@kubernetes\/client-node)/],
});
