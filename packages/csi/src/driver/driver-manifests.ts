import type { CSIDriver, CSIDriverSpec } from "@kx/controllers/api/storage-v1";
import type { KubeObject, RenderEnv } from "@kx/core";
import { metadataObjects } from "../snapshot-metadata/objects.ts";
import type { CsiDriverDefinition } from "./csi-driver.ts";
import { driverRoles } from "./driver-roles.ts";
import { nodePolicy } from "./node-policy.ts";

/** What a cluster needs for a driver: its object, the roles of its accounts, and what confines that of its nodes. */
export function driverManifests(definition: CsiDriverDefinition, env: RenderEnv): readonly KubeObject[] {
  const { controller, node } = driverRoles(definition, env);
  const { snapshotMetadata: served, distributed } = definition;
  const metadata = served === undefined || distributed !== undefined ? [] : metadataObjects(definition, served, env);
  return [csiDriverObject(definition), ...controller, ...node, ...metadata, ...nodePolicy(definition, env)];
}

/** The object by which the cluster knows a driver: every field of it, so that none changes with Kubernetes' defaults. */
export function csiDriverObject(definition: CsiDriverDefinition): CSIDriver & KubeObject {
  const { csiDriver = {} } = definition;
  const spec: CSIDriverSpec = {
    attachRequired: definition.controllerPublishVolume !== undefined,
    fsGroupPolicy: csiDriver.fsGroupPolicy ?? "ReadWriteOnceWithFSType",
    podInfoOnMount: csiDriver.podInfoOnMount ?? false,
    requiresRepublish: csiDriver.requiresRepublish ?? false,
    seLinuxMount: csiDriver.seLinuxMount ?? false,
    storageCapacity: csiDriver.storageCapacity ?? false,
    tokenRequests: [...(csiDriver.tokenRequests ?? [])],
    volumeLifecycleModes: [...(csiDriver.volumeLifecycleModes ?? ["Persistent"])],
    ...optional("nodeAllocatableUpdatePeriodSeconds", csiDriver.nodeAllocatableUpdatePeriodSeconds),
    // These two are refused where nothing asks for tokens, and by clusters that do not know them.
    ...optional("serviceAccountTokenInSecrets", csiDriver.serviceAccountTokenInSecrets),
    ...optional("preventPodSchedulingIfMissing", csiDriver.preventPodSchedulingIfMissing),
  };
  return {
    apiVersion: "storage.k8s.io/v1",
    kind: "CSIDriver",
    metadata: { name: definition.name },
    spec,
  };
}

function optional<Key extends keyof CSIDriverSpec>(
  key: Key,
  value: CSIDriverSpec[Key],
): Pick<CSIDriverSpec, Key> | object {
  return value === undefined ? {} : { [key]: value };
}
