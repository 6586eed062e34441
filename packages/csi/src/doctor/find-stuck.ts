import type { Cached, ObjectLike } from "@kx/controllers";
import { provisionedBy } from "../controllers/provisioner/names.ts";
import type { Finding, Found } from "./finding.ts";
import { heldUpBy } from "./held-up.ts";
import { attachment } from "./rules/attachment.ts";
import { growing, modifying } from "./rules/claim-changes.ts";
import { leavingClaim, leavingSnapshot, leavingVolume, leftFinalizer } from "./rules/leaving.ts";
import { pendingClaim } from "./rules/pending-claim.ts";
import { pendingPod } from "./rules/pod.ts";
import { releasedVolume } from "./rules/released-volume.ts";
import { pendingGroup, pendingSnapshot, snapshotContent } from "./rules/snapshot.ts";
import { refTo, type StorageRef, type StuckKind } from "./storage-ref.ts";
import type { StorageWorld } from "./storage-world.ts";

/** What a rule finds about an object. */
type Rule<Object> = (object: Object, world: StorageWorld) => Found | undefined;

/** All that does not go on in a cluster's storage, the stuck before what merely waits. */
export function findStuck(world: StorageWorld): readonly Finding[] {
  const { pods, claims, volumes, attachments, snapshots, snapshotContents, groupSnapshots } = world.objects;
  const each = <Object extends Cached<ObjectLike>>(
    kind: StuckKind,
    objects: readonly Object[],
    rules: readonly Rule<Object>[],
    driverOf: (object: Object) => string | undefined,
  ): readonly Finding[] =>
    objects.flatMap((object) => {
      const about = refTo(kind, object);
      const found = rules.flatMap((rule) => rule(object, world) ?? []);
      const leaving = { ref: about, object, driver: driverOf(object) };
      // A finalizer explains what nothing else does.
      const all = found.length > 0 ? found : [leftFinalizer(leaving, world) ?? []].flat();
      return all.map((one) => complete(about, one, world));
    });
  const findings = [
    ...each("Pod", pods, [pendingPod], () => undefined),
    ...each("PersistentVolumeClaim", claims, [pendingClaim, leavingClaim, growing, modifying], (claim) =>
      driverOfVolume(claim.spec?.volumeName, world),
    ),
    ...each("PersistentVolume", volumes, [releasedVolume, leavingVolume], ({ metadata }) =>
      driverOfVolume(metadata.name, world),
    ),
    ...each("VolumeAttachment", attachments, [attachment], ({ spec }) => spec.attacher),
    ...each(
      "VolumeSnapshot",
      snapshots,
      [pendingSnapshot, leavingSnapshot],
      ({ status }) => world.content(status?.boundVolumeSnapshotContentName)?.spec.driver,
    ),
    ...each("VolumeSnapshotContent", snapshotContents, [snapshotContent], ({ spec }) => spec.driver),
    ...each("VolumeGroupSnapshot", groupSnapshots, [pendingGroup], () => undefined),
  ];
  return findings.toSorted((a, b) => Number(a.state === "waiting") - Number(b.state === "waiting"));
}

function driverOfVolume(name: string | undefined, world: StorageWorld): string | undefined {
  const volume = world.volume(name);
  return volume?.metadata.annotations?.[provisionedBy] ?? volume?.spec?.csi?.driver;
}

function complete(about: StorageRef<StuckKind>, found: Found, world: StorageWorld): Finding {
  const { code, state = "stuck", message, waitsFor, lastError, remedy } = found;
  return {
    code,
    state,
    about,
    message,
    waitsFor,
    holdsUp: heldUpBy(about, world),
    ...(lastError === undefined ? {} : { lastError }),
    remedy,
  };
}
