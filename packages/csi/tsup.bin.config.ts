import { fileURLToPath } from "node:url";
import { bundle } from "@kx/tooling/tsup";
import { defineConfig } from "tsup";

// What images of the driver and of the sidecars hold, where there is no node_modules.
const program = (name: string) => fileURLToPath(new URL(`src/bin/${name}.ts`, import.meta.url));

export default defineConfig({
  ...bundle({
    "kx-csi-hostpath": program("kx-csi-hostpath"),
    "kx-csi-sidecar": program("kx-csi-sidecar"),
  }),
  outDir: "dist/image",
  sourcemap: false,
  // Only for kubeconfigs that run programs.
  external: ["@kubernetes/client-node"],
  noExternal: [/^(?!@kubernetes\/client-node)/],
});
