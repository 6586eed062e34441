import type { ClusterStatus } from "@kx/cluster";
import type { UpOptions } from "./commands/up.ts";
import type { ConfiguredExtensions } from "./configured.ts";
import type { UpRequest } from "./supervision.ts";

/**
 * What was asked for and is not so, each in a few words. What is in a configuration file may differ: it can be changed
 * while a cluster runs. Pure.
 */
export function differences(
  status: ClusterStatus,
  running: UpRequest | undefined,
  options: UpOptions,
  extensions: ConfiguredExtensions | undefined,
): string[] {
  const { nodes, controlPlaneOnly, kubernetesVersion, hostNetworkRoute, dns, network, ipFamilies } = options;
  const version = kubernetesVersion?.replace(/^v/, "");
  const has = status.nodes?.length ?? 0;
  return [
    ...(controlPlaneOnly === true && status.kind === "cluster" ? ["it has nodes"] : []),
    ...(nodes !== undefined && nodes !== has ? [`it has ${has} node${has === 1 ? "" : "s"}, not ${nodes}`] : []),
    ...(version !== undefined && version !== status.kubernetesVersion
      ? [`it runs Kubernetes ${status.kubernetesVersion}, not ${version}`]
      : []),
    ...(hostNetworkRoute === true && !status.hostNetworkRoute ? ["this machine has no route to it"] : []),
    ...(dns === true && running?.dns !== true ? ["it runs no CoreDNS"] : []),
    ...(network !== undefined && running !== undefined && network !== running.network
      ? [`its pod network is ${running.network}, not ${network}`]
      : []),
    ...(ipFamilies !== undefined && running !== undefined && ipFamilies.join() !== running.ipFamilies.join()
      ? [`its addresses are ${running.ipFamilies.join()}, not ${ipFamilies.join()}`]
      : []),
    ...(extensions === undefined ? [] : otherExtensions(running?.extensions, extensions)),
  ];
}

function otherExtensions(running: ConfiguredExtensions | undefined, asked: ConfiguredExtensions): string[] {
  if (running === undefined) return [`its controller manager has no configuration, not ${asked.file}`];
  if (running.file !== asked.file)
    return [`its controller manager's configuration is ${running.file}, not ${asked.file}`];
  if (running.extensionsDir === asked.extensionsDir) return [];
  return [`its extensions are looked for in ${running.extensionsDir}, not in ${asked.extensionsDir}`];
}
