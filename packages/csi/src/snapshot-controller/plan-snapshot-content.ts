import type { Cached } from "@kx/controllers";
import { apiVersionOf } from "@kx/controllers";
import { PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { KxError } from "@kx/core";
import { snapshotterSecretOf } from "../controllers/secrets.ts";
import { volumeOf } from "./claim-volumes.ts";
import { annotations, finalizers, managedByLabel } from "./names.ts";
import { type SnapshotClass, VolumeSnapshot, VolumeSnapshotContent } from "./resources.ts";
import { dynamicContentName } from "./snapshot-contents.ts";
import type { SnapshotWorld } from "./snapshot-world.ts";
import { changeFinalizers, fail, type Step } from "./steps.ts";

/** Makes the content of a snapshot of a claim: the sidecar of its driver takes the snapshot then. */
export function planContent(
  snapshot: Cached<VolumeSnapshot>,
  snapshotClass: Cached<SnapshotClass>,
  world: SnapshotWorld,
): readonly Step[] {
  const failed = (problem: string) =>
    fail(
      VolumeSnapshot,
      snapshot,
      {
        reason: "SnapshotContentCreationFailed",
        message: `Failed to create snapshot content with error ${problem}`,
        isNotReady: true,
        retry: true,
      },
      world.nowMs,
    );
  const { name, namespace = "" } = snapshot.metadata;
  const claimName = snapshot.spec.source.persistentVolumeClaimName ?? "";
  const claim = world.claim(namespace, claimName);
  if (claim === undefined) return failed(`the claim ${claimName} does not exist`);
  // While the snapshot is taken the claim, and so its volume, must stay.
  const protect = changeFinalizers(PersistentVolumeClaim, claim, { add: [finalizers.claimAsSource] });
  if (protect !== undefined && claim.metadata.deletionTimestamp !== undefined) {
    return failed(`the claim ${claimName} is being deleted`);
  }
  const found = volumeOf(claim, (volume) => world.volume(volume));
  if ("problem" in found) return failed(found.problem);
  try {
    const object = contentFor(snapshot, snapshotClass, found, world);
    const message = `Waiting for a snapshot ${namespace}/${name} to be created by the CSI driver.`;
    return [
      ...(protect === undefined ? [] : [protect]),
      { do: "create", resource: VolumeSnapshotContent, object },
      { do: "event", about: snapshot, event: { type: "Normal", reason: "CreatingSnapshot", message } },
    ];
  } catch (error) {
    if (!KxError.is(error)) throw error;
    return failed(error.message);
  }
}

function contentFor(
  snapshot: Cached<VolumeSnapshot>,
  snapshotClass: Cached<SnapshotClass>,
  { volume, handle }: Extract<ReturnType<typeof volumeOf>, { volume: unknown }>,
  world: SnapshotWorld,
): VolumeSnapshotContent {
  const { name, namespace = "", uid, resourceVersion } = snapshot.metadata;
  const contentName = dynamicContentName(snapshot);
  const secret = snapshotterSecretOf(snapshotClass.parameters ?? {}, contentName, snapshot.metadata);
  const node = world.nodeOf(volume);
  const mode = volume.spec?.volumeMode;
  return {
    metadata: {
      name: contentName,
      // From the start: what is deleted right away may have been taken already.
      finalizers: [finalizers.contentBound],
      ...(node === undefined ? {} : { labels: { [managedByLabel]: node } }),
      ...(secret === undefined
        ? {}
        : {
            annotations: {
              [annotations.deletionSecretName]: secret.name,
              [annotations.deletionSecretNamespace]: secret.namespace,
            },
          }),
    },
    spec: {
      volumeSnapshotRef: {
        apiVersion: apiVersionOf(VolumeSnapshot),
        kind: VolumeSnapshot.kind,
        namespace,
        name,
        uid,
        resourceVersion,
      },
      source: { volumeHandle: handle },
      volumeSnapshotClassName: snapshotClass.metadata.name,
      deletionPolicy: snapshotClass.deletionPolicy,
      driver: snapshotClass.driver,
      ...(mode === undefined ? {} : { sourceVolumeMode: mode }),
    },
  };
}
