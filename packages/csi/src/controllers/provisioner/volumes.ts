import {
  type Controller,
  defineController,
  done,
  index,
  isNotFound,
  type ReconcileContext,
  type Result,
  watch,
} from "@kx/controllers";
import { PersistentVolume } from "@kx/controllers/api/core-v1";
import { StorageClass, VolumeAttachment } from "@kx/controllers/api/storage-v1";
import { ControllerCapability } from "@kx/core/contracts/csi";
import { volumeNames } from "../attacher/plan-attachment.ts";
import { addFinalizer, removeFinalizer } from "../finalizers.ts";
import { volumes, whole } from "../kubernetes.ts";
import { reasonOf } from "../outcome.ts";
import { partComponent, partName } from "../part-name.ts";
import { claimTemplateValues, readSecret, secretRefOf } from "../secrets.ts";
import { deletionSecret, volumeFinalizer } from "./names.ts";
import { type CachedVolume, planVolumeStep } from "./plan-volume.ts";
import type { ProvisionerEnv } from "./provisioner-env.ts";

const byVolume = "attachment-volume";

/** Deletes volumes that nobody claims any more. */
export function volumesController(env: ProvisionerEnv): Controller<PersistentVolume> {
  const { driver, concurrency, retryBackoff, node } = env;
  const attaches = driver.capabilities.controller.has(ControllerCapability.PUBLISH_UNPUBLISH_VOLUME);

  const deleteVolume = async (volume: CachedVolume, ctx: ReconcileContext): Promise<void> => {
    const { client, signal } = ctx;
    const { name, uid } = volume.metadata;
    const secrets = await deletionSecrets(volume, ctx);
    const volumeId = volume.spec?.csi?.volumeHandle ?? "";
    await driver.controller.deleteVolume({ volumeId, secrets }, { timeoutMs: env.callTimeoutMs, signal });
    await client.delete(PersistentVolume, { name }, { uid, signal }).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
    await removeFinalizer(client, PersistentVolume, volume, volumeFinalizer, signal);
    ctx.log.info({ volume: name, volumeId }, "volume deleted");
  };

  return defineController({
    name: partName(driver, "volumes"),
    component: partComponent(driver, "provisioner"),
    for: PersistentVolume,
    select: volumes,
    watches: [
      watch(StorageClass, { map: () => [], select: whole }),
      ...(attaches
        ? [
            watch(VolumeAttachment, {
              map: (attachment) => volumeNames(attachment).map((name) => ({ name })),
              select: whole,
            }),
          ]
        : []),
    ],
    indexes: attaches ? [index(VolumeAttachment, byVolume, volumeNames)] : [],
    concurrency,
    initialPriority: 0,
    retryBackoff,
    async reconcile({ object: volume }, ctx): Promise<Result> {
      const { client, signal, events } = ctx;
      if (volume === undefined) return done;
      switch (planVolumeStep({ driverName: driver.name, volume, node })) {
        case "protect":
          await addFinalizer(client, PersistentVolume, volume, volumeFinalizer, signal);
          break;
        case "unprotect":
          await removeFinalizer(client, PersistentVolume, volume, volumeFinalizer, signal);
          break;
        case "delete": {
          const failed = (message: string) =>
            events.event(volume, { type: "Warning", reason: "VolumeFailedDelete", message });
          const [attachment] = attaches ? ctx.cache.byIndex(VolumeAttachment, byVolume, volume.metadata.name) : [];
          if (attachment !== undefined) {
            // The end of the attachment brings the volume back here.
            const at = attachment.spec.nodeName;
            failed(`persistentvolume ${volume.metadata.name} is still attached to node ${at}`);
            break;
          }
          try {
            await deleteVolume(volume, ctx);
          } catch (error) {
            if (!signal.aborted) failed(reasonOf(error));
            throw error;
          }
          break;
        }
        case "nothing":
          break;
      }
      return done;
    },
  });
}

/** The secrets for a deletion. They may be gone before their volume: then it is tried without. */
async function deletionSecrets(volume: CachedVolume, ctx: ReconcileContext): Promise<Record<string, string>> {
  try {
    return await readSecret(ctx.client, deletionSecretRef(volume, ctx), ctx.signal);
  } catch (err) {
    if (ctx.signal.aborted) throw err;
    ctx.log.warn({ err }, "secret for deletion cannot be read, deleting without");
    return {};
  }
}

function deletionSecretRef(volume: CachedVolume, { cache }: ReconcileContext) {
  const { annotations = {}, name: volumeName } = volume.metadata;
  const [name, namespace] = [annotations[deletionSecret.name], annotations[deletionSecret.namespace]];
  if (name !== undefined && namespace !== undefined) return name === "" ? undefined : { name, namespace };
  // Made by hand, or by a provisioner older than the annotations.
  const { storageClassName = "", claimRef } = volume.spec ?? {};
  const storageClass = cache.get(StorageClass, { name: storageClassName });
  if (storageClass === undefined || claimRef === undefined) return undefined;
  const { name: claimName = "", namespace: claimNamespace = "" } = claimRef;
  const values = claimTemplateValues(volumeName, { metadata: { name: claimName, namespace: claimNamespace } });
  return secretRefOf("provisioner", storageClass.parameters ?? {}, values, { hasDefault: true });
}
