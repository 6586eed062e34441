import type { DeepReadonly } from "@kx/controllers";
import type { CustomResourceDefinition } from "@kx/controllers/api/apiextensions-v1";

/** The label and annotation by which a CRD is known as one of ours, and how new it is. */
const managedBy = { label: "app.kubernetes.io/managed-by", value: "kx" } as const;
const revisionAnnotation = "kx.dev/crd-revision";
/** Raised with each change of our CRDs. */
const revision = 1;

/** What is to be done about a CRD. */
export type CrdStep =
  | { readonly do: "create"; readonly crd: CustomResourceDefinition }
  | { readonly do: "update"; readonly crd: CustomResourceDefinition }
  | { readonly do: "leave"; readonly why: "foreign" | "current" | "newer" };

/**
 * Decides what is to be done so that the cluster serves a CRD. One that others installed is left as it is, and so is one of
 * ours that is as new; of an older one of ours every version stays that is stored or that we do not know.
 */
export function planCrd(
  wanted: CustomResourceDefinition,
  present: DeepReadonly<CustomResourceDefinition> | undefined,
): CrdStep {
  const crd = marked(wanted);
  if (present === undefined) return { do: "create", crd };
  if (!isOurs(present)) return { do: "leave", why: "foreign" };
  const known = Number(present.metadata.annotations?.[revisionAnnotation] ?? 0);
  if (known === revision) return { do: "leave", why: "current" };
  if (known > revision) return { do: "leave", why: "newer" };
  const ours = crd.spec.versions.map(({ name }) => name);
  const kept = present.spec.versions
    .filter(({ name }) => !ours.includes(name))
    .map((one) => ({ ...one, storage: false }));
  const metadata = { ...crd.metadata, resourceVersion: present.metadata.resourceVersion };
  const versions = [...crd.spec.versions, ...structuredClone(kept)];
  return { do: "update", crd: { ...crd, metadata, spec: { ...crd.spec, versions } } as CustomResourceDefinition };
}

/** Whether a CRD was installed by us. */
export function isOurs({ metadata }: DeepReadonly<CustomResourceDefinition>): boolean {
  return metadata.labels?.[managedBy.label] === managedBy.value;
}

function marked(crd: CustomResourceDefinition): CustomResourceDefinition {
  const { metadata } = crd;
  return {
    ...crd,
    metadata: {
      ...metadata,
      labels: { ...metadata.labels, [managedBy.label]: managedBy.value },
      annotations: { ...metadata.annotations, [revisionAnnotation]: `${revision}` },
    },
  };
}
