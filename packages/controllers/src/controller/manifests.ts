import type { KubeObject, RenderEnv } from "@kx/core";
import type { ObjectLike, Resource } from "../api/resource.ts";
import type { ControllerDefinition } from "./define-controller.ts";
import { isCustomResource } from "./define-resource.ts";

/** The CRD of a controller's resource, if it is our own, and the ClusterRole that the controller needs. */
export function controllerManifests<T extends ObjectLike>(
  definition: ControllerDefinition<T>,
  env: RenderEnv,
): readonly KubeObject[] {
  const { name, owns = [], watches = [] } = definition;
  const eventsGroup = definition.eventsApi === "core/v1" ? "" : "events.k8s.io";
  const main = definition.for;
  const owned = owns.map((own) => ("resource" in own ? own.resource : own));
  const role: KubeObject = {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata: { name: `kx:controller:${name}` },
    rules: [
      rule(main, ["get", "list", "watch", "update", "patch"]),
      rule(main, ["get", "update", "patch"], "/status"),
      // Needed to set owner references that block the owner's deletion.
      rule(main, ["update"], "/finalizers"),
      ...owned.map((resource) => rule(resource, ["get", "list", "watch", "create", "update", "patch", "delete"])),
      ...watches.map(({ resource }) => rule(resource, ["get", "list", "watch"])),
      rule({ group: eventsGroup, plural: "events" }, ["create", "patch"]),
    ],
  };
  return [...(isCustomResource(main) ? [main.crd()] : []), role, ...(definition.manifests?.(env) ?? [])];
}

function rule(resource: Pick<Resource, "group" | "plural">, verbs: readonly string[], subresource = ""): object {
  return { apiGroups: [resource.group], resources: [resource.plural + subresource], verbs };
}
