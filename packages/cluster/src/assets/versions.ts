import { KxError } from "@kx/core";

/** What the Go modules in `go/` build; a test compares this with their go.mod files. */
export const versions = {
  kubernetes: "1.37.2",
  etcd: "3.7.0",
  containerd: "2.4.2",
  runc: "1.5.2",
  cniPlugins: "1.9.1",
  coredns: "1.15.0",
} as const;

/** A processor as Go and the release hosts name it. */
export type Architecture = "amd64" | "arm64";

const architectures: Readonly<Record<string, Architecture>> = { x64: "amd64", arm64: "arm64" };

/**
 * The architecture to obtain programs for.
 * @throws KX_CLUSTER_PLATFORM on anything but Linux on x64 or arm64.
 */
export function architecture(platform: string = process.platform, arch: string = process.arch): Architecture {
  const found = architectures[arch];
  if (platform !== "linux" || found === undefined) {
    throw new KxError("KX_CLUSTER_PLATFORM", `no Kubernetes binaries for ${platform} on ${arch}`, {
      remedy: "use Linux on x64 or arm64",
    });
  }
  return found;
}
