import { defineExtension, type ExtensionModule } from "@kx/core";
import { miniSchema } from "@kx/core/config";
import * as z from "zod/mini";
import { Deployment } from "../api/gen/apps-v1.ts";
import type { PodTemplateSpec } from "../api/gen/core-v1.ts";
import { type Controller, defineController } from "../controller/define-controller.ts";
import { done } from "../controller/result.ts";
import { applySteps, createStatusProbe } from "./apply.ts";
import { planSync } from "./plan.ts";
import { Foo } from "./resource.ts";

/** Options of the Foo controller. */
export interface FooOptions {
  /** Pods of the Deployments; the labels `app` and `controller` are added. Default: one container of `nginx:latest`. */
  readonly podTemplate?: PodTemplateSpec | undefined;
}

/** The controller of kubernetes/sample-controller: each Foo gets the Deployment that it names. */
export function foo(options: FooOptions = {}): Controller<Foo> {
  const statusIsSubresource = createStatusProbe();
  return defineController({
    name: "foo",
    component: "sample-controller",
    for: Foo,
    // Upstream compares nothing but the kind of the owner.
    owns: [{ resource: Deployment, isOwner: (reference) => reference.kind === "Foo" }],
    resyncMs: 30_000,
    concurrency: 2,
    // Upstream's queue knows no priorities; and with them 500 Foos took twice the time, as their own changes overtake them.
    initialPriority: 0,
    eventsApi: "core/v1",
    retryRate: { qps: 50, burst: 300 },
    async reconcile({ ref, object }, ctx) {
      if (object === undefined) {
        ctx.log.info({}, "foo no longer exists");
        return done;
      }
      const name = object.spec.deploymentName ?? "";
      const deployment = ctx.cache.get(Deployment, { name, namespace: ref.namespace });
      const steps = planSync(object, deployment, options.podTemplate);
      await applySteps(steps, object, deployment, statusIsSubresource, ctx);
      ctx.log.info({}, "foo synced");
      return done;
    },
  });
}

/** What a host loads. */
export const extension: ExtensionModule<FooOptions> = defineExtension<FooOptions>({
  options: miniSchema(z.strictObject({ podTemplate: z.optional(z.custom<PodTemplateSpec>(isPodTemplate)) })),
  create: foo,
});

function isPodTemplate(value: unknown): boolean {
  return typeof value === "object" && value !== null && "spec" in value;
}
