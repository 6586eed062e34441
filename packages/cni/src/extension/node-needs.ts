import { dirname } from "node:path";
import type { NodeNeeds } from "@kx/core";
import { settingsOf } from "../node-network/settings.ts";
import type { CniExtensionOptions } from "./extension.ts";

/**
 * What the pod network needs of a node if it runs in a pod: all at the same paths inside. Its image must have /var/run as a
 * link to /run, as container runtimes name namespaces by that path.
 */
export function nodeNeeds(options: CniExtensionOptions): NodeNeeds {
  const { confDir, binDir, cacheDir, criSocket } = settingsOf(options);
  const folders = [
    confDir,
    binDir,
    cacheDir,
    dirname(criSocket),
    dirname(options.socket ?? "/run/kx/cni.sock"),
    "/opt/kx",
  ];
  return {
    hostNetwork: true,
    // Interfaces have settings under /proc/sys.
    privileged: true,
    // Namespaces are mounted there while the pod runs.
    hostPaths: [
      { path: "/run/netns", propagation: "HostToContainer" },
      ...[...new Set(folders)].map((path) => ({ path })),
    ],
  };
}
