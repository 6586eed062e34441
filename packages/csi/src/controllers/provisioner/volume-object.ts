import type { CSIPersistentVolumeSource, PersistentVolume } from "@kx/controllers/api/core-v1";
import type { Volume } from "@kx/core/contracts/csi";
import { AccessMode } from "@kx/core/contracts/csi";
import { quantityOf } from "../sizes.ts";
import { requestedBytes } from "./data-source.ts";
import { deletionSecret, modifySecret, provisionedBy, provisionerIdentity, volumeFinalizer } from "./names.ts";
import { nodeAffinity } from "./topology.ts";
import type { VolumeFacts, VolumePlan } from "./volume-request.ts";

/** What a volume's object is made of, beside its plan. */
export interface VolumeObjectFacts extends VolumeFacts {
  readonly driverName: string;
  readonly identity: string;
  readonly hasTopology: boolean;
  /** Whether the driver honours read-only publishing. */
  readonly publishesReadonly: boolean;
}

/** Why an answer of a driver cannot be used; undefined if it can. */
export function problemOfAnswer(facts: VolumeFacts, volume: Volume, hasSource: boolean): string | undefined {
  const wanted = requestedBytes(facts.claim);
  const { capacityBytes } = volume;
  // 0 means that the driver does not know.
  if (capacityBytes !== 0n && capacityBytes < wanted) {
    return `the driver made a volume of ${capacityBytes} bytes where ${wanted} were asked for`;
  }
  if (hasSource && volume.contentSource === undefined) {
    return "the driver made a volume without saying that it has the source's content";
  }
  return undefined;
}

/** The object of a volume that a driver has made for a claim. */
export function volumeObject(facts: VolumeObjectFacts, plan: VolumePlan, volume: Volume): PersistentVolume {
  const { claim, class: storageClass, driverName } = facts;
  const { spec = {}, metadata } = claim;
  const { provisioner, "controller-modify": modify } = plan.secrets;
  const affinity = facts.hasTopology ? nodeAffinity(volume.accessibleTopology) : undefined;
  const bytes = volume.capacityBytes === 0n ? requestedBytes(claim) : volume.capacityBytes;
  const { volumeMode, volumeAttributesClassName = "" } = spec;
  return {
    metadata: {
      name: plan.name,
      finalizers: [volumeFinalizer],
      annotations: {
        [provisionedBy]: driverName,
        [deletionSecret.name]: provisioner?.name ?? "",
        [deletionSecret.namespace]: provisioner?.namespace ?? "",
        ...(modify === undefined
          ? {}
          : { [modifySecret.name]: modify.name, [modifySecret.namespace]: modify.namespace }),
      },
    },
    spec: {
      accessModes: [...(spec.accessModes ?? [])],
      capacity: { storage: quantityOf(bytes) },
      claimRef: {
        apiVersion: "v1",
        kind: "PersistentVolumeClaim",
        name: metadata.name,
        namespace: metadata.namespace ?? "",
        uid: metadata.uid,
        resourceVersion: metadata.resourceVersion,
      },
      csi: source(facts, plan, volume),
      persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? "Delete",
      storageClassName: spec.storageClassName ?? "",
      ...(storageClass.mountOptions === undefined ? {} : { mountOptions: [...storageClass.mountOptions] }),
      ...(affinity === undefined ? {} : { nodeAffinity: affinity }),
      ...(volumeMode === undefined ? {} : { volumeMode }),
      ...(volumeAttributesClassName === "" ? {} : { volumeAttributesClassName }),
    },
  };
}

function source(facts: VolumeObjectFacts, plan: VolumePlan, volume: Volume): CSIPersistentVolumeSource {
  const modes = plan.request.volumeCapabilities ?? [];
  const isReadOnly = modes.length === 1 && modes[0]?.accessMode?.mode === AccessMode.MULTI_NODE_READER_ONLY;
  const refs = {
    controllerPublishSecretRef: plan.secrets["controller-publish"],
    nodeStageSecretRef: plan.secrets["node-stage"],
    nodePublishSecretRef: plan.secrets["node-publish"],
    controllerExpandSecretRef: plan.secrets["controller-expand"],
    nodeExpandSecretRef: plan.secrets["node-expand"],
  };
  return {
    driver: facts.driverName,
    volumeHandle: volume.volumeId,
    volumeAttributes: { [provisionerIdentity]: facts.identity, ...volume.volumeContext },
    ...(plan.fsType === undefined ? {} : { fsType: plan.fsType }),
    ...(isReadOnly && facts.publishesReadonly ? { readOnly: true } : {}),
    ...Object.fromEntries(Object.entries(refs).filter(([, ref]) => ref !== undefined)),
  };
}
