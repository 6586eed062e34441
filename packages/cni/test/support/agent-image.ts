import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildImage } from "@kx/cluster";
import type { KubeObject, NodeNeeds } from "@kx/core";
import { linuxAddonPath } from "@kx/core/linux";
import { imageFile, nodeFiles } from "./node-image.ts";

const dist = fileURLToPath(new URL("../../../../apps/cli/dist", import.meta.url));
/** Versions have tags. */
const name = "localhost/kx-node-agent";

/** What is special about an image. */
export interface AgentImageOptions {
  /** The plug-ins' program differs from that of another version, as after an upgrade. Default: 1. */
  readonly version?: number;
}

/** An image of the node agent with the pod network's plug-ins, as an OCI archive. */
export async function agentImage({ version = 1 }: AgentImageOptions = {}): Promise<Uint8Array> {
  const program = await readFile(join(dist, "kx-cni.js"), "utf8");
  const shim = join(dist, "kx-cni-shim");
  return buildImage({
    names: [`${name}:${version}`],
    files: [
      ...(await nodeFiles()),
      // Container runtimes name namespaces by it.
      { type: "symlink", path: "/var/run", target: "/run" },
      ...["node-agent.js", "worker.js"].map((one) => imageFile(`/app/${one}`, join(dist, one))),
      { type: "file", path: "/app/kx-cni.js", content: `${program}// version ${version}\n` },
      ...(existsSync(shim) ? [imageFile("/app/kx-cni-shim", shim, 0o755)] : []),
      imageFile("/app/koffi.node", linuxAddonPath() ?? ""),
      { type: "file", path: "/app/host.yaml", content: hostConfiguration },
    ],
  });
}

const hostConfiguration = `apiVersion: kx.dev/v1alpha1
kind: HostConfiguration
extensions:
  - package: "@kx/cni/bridge"
`;

/** The account that the DaemonSet has. */
export const nodeAccount = "kx-node-agent";
const labels = { app: "kx-node-agent" };
const namespace = "kx-system";

/** The agent as a DaemonSet, with what an extension needs of nodes and its rights in the cluster. */
export function agentObjects(needs: NodeNeeds, rendered: readonly KubeObject[]): readonly object[] {
  const account = { name: nodeAccount, namespace };
  const roles = rendered.filter(({ kind }) => kind === "ClusterRole");
  const rbac = "rbac.authorization.k8s.io";
  const paths = needs.hostPaths ?? [];
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: account },
    ...rendered,
    ...roles.map(({ metadata }) => ({
      apiVersion: `${rbac}/v1`,
      kind: "ClusterRoleBinding",
      metadata: { name: metadata.name },
      roleRef: { apiGroup: rbac, kind: "ClusterRole", name: metadata.name },
      subjects: [{ kind: "ServiceAccount", ...account }],
    })),
    {
      apiVersion: "apps/v1",
      kind: "DaemonSet",
      metadata: account,
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            serviceAccountName: account.name,
            hostNetwork: needs.hostNetwork === true,
            terminationGracePeriodSeconds: 10,
            tolerations: [{ operator: "Exists" }],
            containers: [
              {
                name: "agent",
                image: `${name}:1`,
                command: ["/app/node", "/app/node-agent.js", "--config", "/app/host.yaml"],
                env: [{ name: "KX_NODE_NAME", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } }],
                securityContext: { privileged: needs.privileged === true },
                readinessProbe: { httpGet: { host: "127.0.0.1", path: "/readyz", port: 9440 }, periodSeconds: 1 },
                volumeMounts: paths.map(({ path, propagation }, index) => ({
                  name: `path-${index}`,
                  mountPath: path,
                  ...(propagation === undefined ? {} : { mountPropagation: propagation }),
                })),
              },
            ],
            volumes: paths.map(({ path }, index) => ({
              name: `path-${index}`,
              hostPath: { path, type: "DirectoryOrCreate" },
            })),
          },
        },
      },
    },
  ];
}
