import type { ExtensionImports } from "@kx/core/host";
import { openNodeObjects } from "./node-objects.ts";

/** The extensions that the agent brings itself: on a node there is no folder of packages. */
export const ownExtensions: ExtensionImports = {
  async "@kx/cni/bridge"() {
    const { cniExtension } = await import("@kx/cni/bridge");
    return { extension: cniExtension(openNodeObjects) };
  },
  "@kx/csi/hostpath": () => import("@kx/csi/hostpath"),
};
