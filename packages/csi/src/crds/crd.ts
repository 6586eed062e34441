import type { ObjectLike, Resource } from "@kx/controllers";
import type { CustomResourceDefinition } from "@kx/controllers/api/apiextensions-v1";
import type { CrdSchema } from "./schema.ts";

/** A column of `kubectl get`: name, type, JSON path, and its description. */
export type Column = readonly [name: string, type: string, jsonPath: string, description?: string];

/** One version of a CRD. */
export interface CrdVersion {
  readonly name: string;
  /** The version that is written to etcd. */
  readonly storage: boolean;
  readonly deprecated?: boolean;
  readonly schema: CrdSchema;
}

/** What a CRD is made of. */
export interface CrdParts {
  readonly resource: Resource;
  readonly shortNames: readonly string[];
  /** Where the API was agreed on: the API server accepts a CRD in a *.k8s.io group only with it (KEP-2337). */
  readonly approved: string;
  readonly columns: readonly Column[];
  /** Whether it has a status subresource. */
  readonly hasStatus: boolean;
  /** The first is the one that is read here. */
  readonly versions: readonly CrdVersion[];
}

const age: Column = ["Age", "date", ".metadata.creationTimestamp"];

/** The CustomResourceDefinition of its parts. */
export function crdOf({ resource, shortNames, approved, columns, hasStatus, versions }: CrdParts) {
  const { group, kind, plural, namespaced } = resource;
  const crd: CustomResourceDefinition & ObjectLike = {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}`, annotations: { "api-approved.kubernetes.io": approved } },
    spec: {
      group,
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase(), shortNames: [...shortNames] },
      scope: namespaced ? "Namespaced" : "Cluster",
      versions: versions.map(({ name, storage, deprecated, schema }) => ({
        name,
        served: true,
        storage,
        ...(deprecated === undefined ? {} : { deprecated }),
        additionalPrinterColumns: [...columns, age].map(([column, type, jsonPath, description]) => ({
          name: column,
          type,
          jsonPath,
          ...(description === undefined ? {} : { description }),
        })),
        subresources: hasStatus ? { status: {} } : {},
        schema: { openAPIV3Schema: schema },
      })),
    },
  };
  return crd;
}
