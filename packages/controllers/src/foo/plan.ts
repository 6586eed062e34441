import type { Deployment } from "../api/gen/apps-v1.ts";
import type { PodTemplateSpec } from "../api/gen/core-v1.ts";
import { controllerReference, isControlledBy } from "../api/owner.ts";
import type { Cached, DeepReadonly } from "../api/resource.ts";
import { Foo } from "./resource.ts";

/** What is to be done for a Foo, in this order. */
export type Step =
  | { readonly do: "ignore"; readonly why: string }
  | { readonly do: "create-deployment"; readonly deployment: Deployment }
  | { readonly do: "replace-deployment"; readonly deployment: Deployment }
  | { readonly do: "refuse-deployment"; readonly message: string }
  /** Copies the available replicas of the Deployment, as the step before left it, to the Foo. */
  | { readonly do: "update-status" }
  | { readonly do: "report-synced" };

/** As much of a Foo and a Deployment as the decision reads. */
type FooState = Pick<Cached<Foo>, "metadata" | "spec">;
type DeploymentState = Pick<DeepReadonly<Deployment>, "metadata" | "spec">;

const finish: readonly Step[] = [{ do: "update-status" }, { do: "report-synced" }];

/** Decides what to do for a Foo, given the Deployment of the name that it asks for, if there is one. */
export function planSync(
  foo: FooState,
  deployment: DeploymentState | undefined,
  podTemplate: PodTemplateSpec = nginx,
): readonly Step[] {
  if (foo.spec.deploymentName === undefined || foo.spec.deploymentName === "") {
    // Trying again would not help: the next change of the Foo brings it back.
    return [{ do: "ignore", why: "deployment name missing" }];
  }
  if (deployment === undefined) {
    return [{ do: "create-deployment", deployment: deploymentFor(foo, podTemplate) }, ...finish];
  }
  if (!isControlledBy(deployment, foo)) {
    return [{ do: "refuse-deployment", message: resourceExists(deployment.metadata.name ?? "") }];
  }
  if (foo.spec.replicas !== undefined && foo.spec.replicas !== deployment.spec.replicas) {
    return [{ do: "replace-deployment", deployment: deploymentFor(foo, podTemplate) }, ...finish];
  }
  return finish;
}

/** The message about a Deployment that belongs to something else. */
function resourceExists(name: string): string {
  return `Resource ${JSON.stringify(name)} already exists and is not managed by Foo`;
}

const nginx: PodTemplateSpec = { spec: { containers: [{ name: "nginx", image: "nginx:latest" }] } };

/** The Deployment that a Foo asks for. It has no resourceVersion, so that an update replaces whatever is there. */
export function deploymentFor(foo: FooState, podTemplate: PodTemplateSpec = nginx): Deployment {
  const labels = { app: "nginx", controller: foo.metadata.name };
  const { namespace } = foo.metadata;
  return {
    metadata: {
      name: foo.spec.deploymentName ?? "",
      ...(namespace === undefined ? {} : { namespace }),
      ownerReferences: [controllerReference(foo, Foo)],
    },
    spec: {
      ...(foo.spec.replicas === undefined ? {} : { replicas: foo.spec.replicas }),
      selector: { matchLabels: labels },
      template: {
        ...podTemplate,
        metadata: { ...podTemplate.metadata, labels: { ...podTemplate.metadata?.labels, ...labels } },
      },
    },
  };
}
