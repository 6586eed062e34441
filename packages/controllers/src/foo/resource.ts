import type { Schema } from "@kx/core";
import { miniSchema } from "@kx/core/config";
import * as z from "zod/mini";
import { type CustomObject, type CustomResource, defineResource } from "../controller/define-resource.ts";

/** What a Foo asks for. */
export interface FooSpec {
  /** Name of its Deployment. */
  readonly deploymentName?: string | undefined;
  /** 1 to 10; left to the Deployment if absent. */
  readonly replicas?: number | undefined;
}

/** What has become of it. */
export interface FooStatus {
  readonly availableReplicas?: number | undefined;
}

const spec: Schema<FooSpec> = miniSchema(
  z.object({
    deploymentName: z.optional(z.string()),
    replicas: z.optional(z.int().check(z.minimum(1), z.maximum(10))),
  }),
);

const status: Schema<FooStatus> = miniSchema(z.object({ availableReplicas: z.optional(z.int()) }));

/** A Foo, as in kubernetes/sample-controller. */
export type Foo = CustomObject<FooSpec, FooStatus>;

/** The resource `foos.samplecontroller.k8s.io`. */
export const Foo: CustomResource<FooSpec, FooStatus> = defineResource({
  group: "samplecontroller.k8s.io",
  version: "v1alpha1",
  kind: "Foo",
  spec,
  status,
  // The API server accepts a CRD in a *.k8s.io group only with a statement about its approval (KEP-2337).
  annotations: { "api-approved.kubernetes.io": "unapproved, experimental-only" },
});
