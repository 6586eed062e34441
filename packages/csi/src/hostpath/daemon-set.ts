import type { KubeObject, NodeNeeds, RenderEnv } from "@kx/core";
import { capabilitiesIn } from "../controllers/driver-client.ts";
import { partsNeeded } from "../controllers/sidecars.ts";
import type { CsiDriver } from "../driver/csi-driver.ts";
import { driverRoles, roleBindings } from "../driver/driver-roles.ts";
import type { CsiPart } from "../driver/embed-options.ts";
import type { HostpathExtensionOptions } from "./options.ts";

/** The account of the driver's pods. */
export const daemonSetAccount = "kx-csi-hostpath";
const labels = { "app.kubernetes.io/name": daemonSetAccount };
const livenessPort = 9808;

/** The driver as a pod on each node: its account with the roles of nodes, and the DaemonSet. */
export function daemonSetObjects(
  { definition }: CsiDriver,
  options: HostpathExtensionOptions,
  { hostPaths = [] }: NodeNeeds,
  env: RenderEnv,
): readonly KubeObject[] {
  const { namespace, image } = env;
  const { name: driverName } = definition;
  const embedded: readonly CsiPart[] = ["registrar", ...partsNeeded(capabilitiesIn(definition))];
  const account = { name: daemonSetAccount, namespace };
  const {
    stateDir,
    kubeletDir = "/var/lib/kubelet",
    attach = false,
    maxVolumesPerNode,
    capacityBytes,
    durability,
  } = options;
  const paths = [...hostPaths, { path: stateDir, propagation: "Bidirectional" as const }];
  const args = {
    endpoint: `unix://${kubeletDir}/plugins/${driverName}/csi.sock`,
    "node-id": "$(KX_NODE_NAME)",
    "driver-name": driverName,
    "state-dir": stateDir,
    "kubelet-dir": kubeletDir,
    "liveness-port": String(livenessPort),
    ...(maxVolumesPerNode === undefined ? {} : { "max-volumes-per-node": String(maxVolumesPerNode) }),
    ...(capacityBytes === undefined ? {} : { capacity: String(capacityBytes) }),
    ...(durability === undefined ? {} : { durability }),
  };
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: account },
    ...roleBindings(driverRoles(definition, env).node, account),
    {
      apiVersion: "apps/v1",
      kind: "DaemonSet",
      metadata: { ...account, labels },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            serviceAccountName: daemonSetAccount,
            // Nodes have volumes before they have a network; and health is served on the loopback address alone.
            hostNetwork: true,
            priorityClassName: "system-node-critical",
            tolerations: [{ operator: "Exists" }],
            containers: [
              {
                name: "driver",
                image,
                args: [
                  ...embedded.map((part) => `--embed=${part}`),
                  ...Object.entries(args).map(([flag, value]) => `--${flag}=${value}`),
                  ...(attach ? ["--attach"] : []),
                ],
                env: [{ name: "KX_NODE_NAME", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } }],
                securityContext: { privileged: true },
                livenessProbe: {
                  httpGet: { host: "127.0.0.1", path: "/healthz", port: livenessPort },
                  initialDelaySeconds: 10,
                  timeoutSeconds: 6,
                  failureThreshold: 5,
                },
                readinessProbe: {
                  httpGet: { host: "127.0.0.1", path: "/healthz", port: livenessPort },
                  periodSeconds: 2,
                  timeoutSeconds: 6,
                },
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
