import type { OwnerReference } from "./gen/meta-v1.ts";
import { apiVersionOf, type DeepReadonly, type ObjectLike, type Resource } from "./resource.ts";

/** The owner reference that makes `owner` the controller of what carries it; deleting the owner deletes that too. */
export function controllerReference(owner: DeepReadonly<ObjectLike>, resource: Resource): OwnerReference {
  return {
    apiVersion: apiVersionOf(resource),
    kind: resource.kind,
    name: owner.metadata.name ?? "",
    uid: owner.metadata.uid ?? "",
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** The reference to an object's controller, if it has one. */
export function controllerOf(object: DeepReadonly<ObjectLike>): DeepReadonly<OwnerReference> | undefined {
  return object.metadata.ownerReferences?.find((reference) => reference.controller === true);
}

/** Whether `owner` itself, not a namesake, is the controller of an object. */
export function isControlledBy(object: DeepReadonly<ObjectLike>, owner: DeepReadonly<ObjectLike>): boolean {
  return controllerOf(object)?.uid === owner.metadata.uid;
}
