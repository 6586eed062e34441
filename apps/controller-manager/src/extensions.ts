import type { ExtensionImports } from "@kx/core/host";

/** The extensions that come with this host; each runs only where a configuration names it. */
export const ownExtensions: ExtensionImports = {
  "@kx/controllers/foo": () => import("@kx/controllers/foo"),
  "@kx/csi/data-source-validator": () => import("@kx/csi/data-source-validator"),
  "@kx/csi/hostpath": () => import("@kx/csi/hostpath"),
  "@kx/csi/snapshot-controller": () => import("@kx/csi/snapshot-controller"),
};
