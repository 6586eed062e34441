import { apiVersionOf } from "@kx/controllers";
import type { CustomResourceDefinition } from "@kx/controllers/api/apiextensions-v1";
import type { KubeObject, RenderEnv } from "@kx/core";
import type { DriverClient } from "../controllers/driver-client.ts";
import { partName } from "../controllers/part-name.ts";
import { defaultPort, type SnapshotMetadataOptions } from "./options.ts";
import { SnapshotMetadataService, snapshotMetadataCrd } from "./resources.ts";

/** The port of the Service. */
const servicePort = 6443;

/** The name of the part, and of its Service. */
export function metadataPartName(driver: Pick<DriverClient, "name">): string {
  return partName(driver, "snapshot-metadata");
}

/** Where the Service is reached from within the cluster. */
export function serviceAddress(driver: Pick<DriverClient, "name">, namespace: string): string {
  return `${metadataPartName(driver)}.${namespace}.svc:${servicePort}`;
}

/** What a SnapshotMetadataService says. */
export function serviceSpec(address: string, audience: string, ca: string): SnapshotMetadataService["spec"] {
  return { address, audience, caCert: Buffer.from(ca).toString("base64") };
}

/** What tokens must be for; undefined: what the SnapshotMetadataService says that others make. */
export function audienceOf(
  driver: Pick<DriverClient, "name">,
  { audience, caFile, ca }: SnapshotMetadataOptions,
): string | undefined {
  return audience ?? (caFile === undefined && ca === undefined ? undefined : driver.name);
}

/** What the part needs in the cluster: the CRD, a Service before its pods, and its rights. */
export function metadataObjects(
  driver: Pick<DriverClient, "name">,
  options: SnapshotMetadataOptions,
  { namespace }: Pick<RenderEnv, "namespace">,
): readonly KubeObject[] {
  const { port = defaultPort, podLabels, caFile, ca } = options;
  const name = metadataPartName(driver);
  const address = options.address ?? serviceAddress(driver, namespace);
  const crd: CustomResourceDefinition = snapshotMetadataCrd();
  return [
    crd as unknown as KubeObject,
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, namespace, labels: { "app.kubernetes.io/name": name } },
      spec: {
        selector: podLabels ?? { "app.kubernetes.io/name": name },
        ports: [{ name: "snapshot-metadata", port: servicePort, targetPort: port, protocol: "TCP" }],
      },
    },
    ...(ca === undefined
      ? []
      : [
          {
            apiVersion: apiVersionOf(SnapshotMetadataService),
            kind: SnapshotMetadataService.kind,
            metadata: { name: driver.name },
            spec: serviceSpec(address, audienceOf(driver, options) ?? driver.name, ca),
          },
        ]),
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: { name: `kx:controller:${name}` },
      rules: [
        rule("authentication.k8s.io", ["tokenreviews"], ["create"]),
        rule("authorization.k8s.io", ["subjectaccessreviews"], ["create"]),
        rule("snapshot.storage.k8s.io", ["volumesnapshots", "volumesnapshotcontents"], ["get"]),
        rule("snapshot.storage.k8s.io", ["volumesnapshotclasses"], ["get", "list"]),
        rule("", ["secrets"], ["get"]),
        ...(caFile === undefined
          ? [rule("cbt.storage.k8s.io", ["snapshotmetadataservices"], ["get"])]
          : [
              rule("cbt.storage.k8s.io", ["snapshotmetadataservices"], ["get", "create", "patch"]),
              rule("apiextensions.k8s.io", ["customresourcedefinitions"], ["get", "create", "update"]),
            ]),
      ],
    },
  ];
}

function rule(group: string, resources: readonly string[], verbs: readonly string[]) {
  return { apiGroups: [group], resources, verbs };
}
