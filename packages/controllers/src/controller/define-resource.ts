import { didYouMean, type Infer, type JsonSchema, type KubeObject, KxError, type Schema } from "@kx/core";
import type { ObjectMeta } from "../api/gen/meta-v1.ts";
import type { Resource } from "../api/resource.ts";
import { structural } from "./structural.ts";

/** An object of a custom resource. */
export interface CustomObject<Spec, Status> {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
  spec: Spec;
  status?: Status;
}

/** A custom resource as its author writes it. */
export interface ResourceDefinition<SpecSchema extends Schema<unknown>, StatusSchema extends Schema<unknown>> {
  readonly group: string;
  readonly version: string;
  /** CamelCase. */
  readonly kind: string;
  /** Default: the kind in lower case, with an s. */
  readonly plural?: string;
  /** Default: true. */
  readonly namespaced?: boolean;
  readonly shortNames?: readonly string[];
  readonly spec: SpecSchema;
  readonly status?: StatusSchema;
  /** Annotations of the CRD. */
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A resource with its CRD. */
export interface CustomResource<Spec, Status> extends Resource<CustomObject<Spec, Status>> {
  /** The CustomResourceDefinition, ready to apply. */
  crd(): KubeObject;
}

const knownKeys: Readonly<Record<keyof ResourceDefinition<Schema<unknown>, Schema<unknown>>, true>> = {
  group: true,
  version: true,
  kind: true,
  plural: true,
  namespaced: true,
  shortNames: true,
  spec: true,
  status: true,
  annotations: true,
};

/** Makes a typed resource of schemas. Pure. */
export function defineResource<
  SpecSchema extends Schema<unknown>,
  StatusSchema extends Schema<unknown> = Schema<Record<string, unknown>>,
>(definition: ResourceDefinition<SpecSchema, StatusSchema>): CustomResource<Infer<SpecSchema>, Infer<StatusSchema>> {
  validate(definition);
  const { group, version, kind, namespaced = true } = definition;
  const plural = definition.plural ?? `${kind.toLowerCase()}s`;
  return Object.freeze({ group, version, kind, plural, namespaced, crd: () => crdOf(definition, plural) });
}

/** Whether a resource comes from defineResource. */
export function isCustomResource(resource: Resource): resource is CustomResource<unknown, unknown> {
  return "crd" in resource && typeof resource.crd === "function";
}

function crdOf(definition: ResourceDefinition<Schema<unknown>, Schema<unknown>>, plural: string): KubeObject {
  const { group, version, kind, namespaced = true, shortNames, annotations, spec, status } = definition;
  const properties = {
    spec: schemaOf(kind, "spec", spec),
    ...(status === undefined ? {} : { status: schemaOf(kind, "status", status) }),
  };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}`, ...(annotations === undefined ? {} : { annotations }) },
    spec: {
      group,
      names: { kind, plural, singular: kind.toLowerCase(), ...(shortNames === undefined ? {} : { shortNames }) },
      scope: namespaced ? "Namespaced" : "Cluster",
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          ...(status === undefined ? {} : { subresources: { status: {} } }),
          schema: { openAPIV3Schema: { type: "object", properties } },
        },
      ],
    },
  };
}

function schemaOf(kind: string, field: string, schema: Schema<unknown>): JsonSchema {
  const json = schema.jsonSchema?.();
  if (json !== undefined) return structural(json);
  throw invalid(
    `"${kind}" has a ${field} schema that cannot describe itself, so it gives no CRD`,
    "wrap it in miniSchema",
  );
}

function validate(definition: ResourceDefinition<Schema<unknown>, Schema<unknown>>): void {
  const known = Object.keys(knownKeys);
  for (const key of Object.keys(definition)) {
    if (known.includes(key)) continue;
    const meant = didYouMean(key, known);
    throw invalid(
      `has no field "${key}"`,
      meant === undefined ? `known are ${known.join(", ")}` : `did you mean ${meant}?`,
    );
  }
  const { group, version, kind } = definition;
  if (!/^[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(group))
    throw invalid(`has group "${group}"`, "use a domain name, as example.org");
  if (!/^v[0-9]+((alpha|beta)[0-9]+)?$/.test(version))
    throw invalid(`has version "${version}"`, "use v1, v1beta1 or v1alpha1");
  if (!/^[A-Z][A-Za-z0-9]*$/.test(kind)) throw invalid(`has kind "${kind}"`, "use CamelCase");
}

function invalid(what: string, remedy: string): KxError {
  return new KxError("KX_RESOURCE_INVALID", `a resource ${what}`, { remedy });
}
