import { KxError } from "@kx/core";
import type { ImageSpec } from "./images/image-spec.ts";
import { dnsImage, dnsObjects } from "./plan/dns.ts";
import type { Network } from "./plan/network.ts";
import type { ControlPlane } from "./types.ts";

/** The image that CoreDNS's Deployment names. */
export function dnsImageSpec(program: string): ImageSpec {
  return {
    names: [dnsImage],
    files: [{ type: "file", path: "/coredns", content: { from: program }, mode: 0o755 }],
    config: { entrypoint: ["/coredns"] },
  };
}

/** Deploys CoreDNS and waits until it answers. */
export async function startDns(cluster: ControlPlane, network: Network): Promise<void> {
  const input = JSON.stringify({ apiVersion: "v1", kind: "List", items: dnsObjects(network) });
  for (const args of [
    ["apply", "-f", "-"],
    ["-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=60s"],
  ]) {
    const { exitCode, stderr } = await cluster.kubectl(args, { input });
    if (exitCode !== 0) throw new KxError("KX_CLUSTER_KUBECTL", `kubectl ${args.join(" ")}: ${stderr.trim()}`);
  }
}
