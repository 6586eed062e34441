import { defineExtension, type Extension, type ExtensionModule, type HostEnv, KxError } from "@kx/core";
import { daemonSetAccount, daemonSetObjects } from "./daemon-set.ts";
import { hostpath } from "./hostpath.ts";
import { type HostpathExtensionOptions, hostpathSchema } from "./options.ts";

/** What a host loads: on each node a driver for the volumes of that node. */
export const extension: ExtensionModule<HostpathExtensionOptions> = defineExtension({
  options: hostpathSchema,
  create: (options): Extension => {
    // What the cluster is told is the same for all nodes.
    const driver = hostpath({ nodeId: "", ...options });
    const { kx, kind, name, version, node } = driver;
    return {
      kx,
      kind,
      name,
      version,
      manifests: (env) =>
        // Without an image it runs in the process of a node's agent.
        env.image === "" || node === undefined
          ? driver.manifests(env)
          : [
              ...driver.manifests({ ...env, nodeAccount: daemonSetAccount }),
              ...daemonSetObjects(driver, options, node, env),
            ],
      ...(node === undefined ? {} : { node }),
      parts: (env) => hostpath({ ...options, nodeId: nodeIdOf(options, env) }).parts(env),
    };
  },
});

function nodeIdOf({ nodeId }: HostpathExtensionOptions, { role, nodeName }: HostEnv): string {
  const found = nodeId ?? nodeName;
  if (found !== undefined || role === "controller") return found ?? "";
  throw new KxError("KX_CSI_HOST", "the hostpath driver was not given the name of its node", {
    remedy: "give the host --node-name, or the extension the option nodeId",
  });
}
