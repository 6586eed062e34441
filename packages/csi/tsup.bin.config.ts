import { fileURLToPath } from "node:url";
import { bundle } from "@kx/tooling/tsup";
import { defineConfig } from "tsup";

// What an image of the driver holds, where there is no node_modules.
const program = fileURLToPath(new URL("src/bin/kx-csi-hostpath.ts", import.meta.url));

export default defineConfig({
  ...bundle({ "kx-csi-hostpath": program }),
  outDir: "dist/image",
  sourcemap: false,
  // Only for kubeconfigs that run programs.
  external: ["@kubernetes/client-node"],
  noExternal: [/^(?!@kubernetes\/client-node)/],
});
