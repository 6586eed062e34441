import type { ObjectMeta, Resource } from "@kx/controllers";
import type { CustomResourceDefinition } from "@kx/controllers/api/apiextensions-v1";
import { crdOf } from "../crds/crd.ts";
import { fields, root, text } from "../crds/schema.ts";

/** Tells backup programs where to ask for the blocks of a driver's snapshots. Its name is that of the driver. */
export interface SnapshotMetadataService {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
  spec: {
    /** Host and port. */
    address: string;
    /** What the tokens of callers must be for. */
    audience: string;
    /** Those who sign the service's certificate: PEM, in base64. */
    caCert: string;
  };
}

/** The resource `snapshotmetadataservices`. */
export const SnapshotMetadataService: Resource<SnapshotMetadataService> = Object.freeze({
  group: "cbt.storage.k8s.io",
  version: "v1beta1",
  kind: "SnapshotMetadataService",
  plural: "snapshotmetadataservices",
  namespaced: false,
});

/** The CRD of SnapshotMetadataServices. */
export function snapshotMetadataCrd(): CustomResourceDefinition {
  const spec = fields(
    {
      address: text("Host and port at which the service listens, with TLS."),
      audience: text("What the tokens must be for that callers send as security_token."),
      caCert: text("Those who sign the service's certificate: PEM, in base64.", { format: "byte" }),
    },
    { description: "How the service is reached.", required: ["address", "audience", "caCert"] },
  );
  return crdOf({
    resource: SnapshotMetadataService,
    shortNames: ["sms"],
    approved: "https://github.com/kubernetes-csi/external-snapshot-metadata/pull/2",
    columns: [["Address", "string", ".spec.address"]],
    hasStatus: false,
    versions: [
      {
        name: "v1beta1",
        storage: true,
        schema: root("Tells where the blocks of a CSI driver's snapshots are asked for.", { spec }, ["spec"]),
      },
    ],
  });
}
