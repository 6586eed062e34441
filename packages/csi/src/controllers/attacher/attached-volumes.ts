import { type Controller, defineController, done, index, watch } from "@kx/controllers";
import { PersistentVolume } from "@kx/controllers/api/core-v1";
import { VolumeAttachment } from "@kx/controllers/api/storage-v1";
import { hasFinalizer, removeFinalizer } from "../finalizers.ts";
import { volumes, whole } from "../kubernetes.ts";
import { partComponent, partName } from "../part-name.ts";
import { isReachable } from "../provisioner/topology.ts";
import type { SidecarEnv } from "../sidecars.ts";
import { attacherFinalizer, volumeNames } from "./plan-attachment.ts";

const byVolume = "attachment-volume";

/** Lets a volume go that is being deleted, when it is attached nowhere. */
export function attachedVolumesController({ driver, options: { node } }: SidecarEnv): Controller<PersistentVolume> {
  const finalizer = attacherFinalizer(driver.name);
  return defineController({
    name: partName(driver, "attached-volumes"),
    component: partComponent(driver, "attacher"),
    for: PersistentVolume,
    select: volumes,
    watches: [
      watch(VolumeAttachment, {
        map: (attachment) => volumeNames(attachment).map((name) => ({ name })),
        select: whole,
      }),
    ],
    indexes: [index(VolumeAttachment, byVolume, volumeNames)],
    async reconcile({ object: volume }, { cache, client, signal }) {
      if (volume?.metadata.deletionTimestamp === undefined || !hasFinalizer(volume, finalizer)) return done;
      if (node !== undefined && !isReachable(volume.spec?.nodeAffinity, node.segments)) return done;
      const isAttached = cache.byIndex(VolumeAttachment, byVolume, volume.metadata.name).length > 0;
      if (!isAttached) await removeFinalizer(client, PersistentVolume, volume, finalizer, signal);
      return done;
    },
  });
}
