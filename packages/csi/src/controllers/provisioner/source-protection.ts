import {
  type Cached,
  type CacheReader,
  type Controller,
  defineController,
  done,
  index,
  metadataOf,
  type ObjectLike,
  type ObjectRef,
  watch,
} from "@kx/controllers";
import { PersistentVolume, PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { VolumeSnapshot } from "../../snapshot-controller/resources.ts";
import { hasFinalizer, removeFinalizer } from "../finalizers.ts";
import { claims, volumes } from "../kubernetes.ts";
import { partComponent, partName } from "../part-name.ts";
import { dataSourceOf } from "./data-source.ts";
import { cloneFinalizer, snapshotFinalizer } from "./names.ts";
import type { Claim } from "./plan-claim.ts";
import type { OwnNode, ProvisionerEnv } from "./provisioner-env.ts";
import { isReachable } from "./topology.ts";

type SourceKind = "claim" | "snapshot";

// Controllers of one process share the indexes of their cache.
const byClaim = "source-claim";
const bySnapshot = "source-snapshot";

/** Lets a claim go when no other is being filled with its content any more. */
export function cloneProtection({ driver, node }: ProvisionerEnv): Controller<PersistentVolumeClaim> {
  return defineController({
    name: partName(driver, "clone-protection"),
    component: partComponent(driver, "provisioner"),
    for: PersistentVolumeClaim,
    select: claims,
    watches: [
      watch(PersistentVolumeClaim, { map: (claim) => sourcesOf(claim, "claim"), select: claims }),
      ...(node === undefined ? [] : [watch(PersistentVolume, { map: () => [], select: volumes })]),
    ],
    indexes: [index(PersistentVolumeClaim, byClaim, (claim) => sourceKeys(claim, "claim"))],
    async reconcile({ key, object }, { cache, client, signal }) {
      if (object?.metadata.deletionTimestamp === undefined || !hasFinalizer(object, cloneFinalizer)) return done;
      if (node !== undefined && !isOfNode(object, node, cache)) return done;
      const isNeeded = cache.byIndex(PersistentVolumeClaim, byClaim, key).some(isPending);
      if (!isNeeded) await removeFinalizer(client, PersistentVolumeClaim, object, cloneFinalizer, signal);
      return done;
    },
  });
}

const SnapshotMetadata = metadataOf(VolumeSnapshot);

/** Lets a snapshot go when no claim is being filled with its content any more. */
export function snapshotProtection({ driver }: ProvisionerEnv): Controller<ObjectLike> {
  return defineController({
    name: partName(driver, "snapshot-protection"),
    component: partComponent(driver, "provisioner"),
    for: SnapshotMetadata,
    watches: [watch(PersistentVolumeClaim, { map: (claim) => sourcesOf(claim, "snapshot"), select: claims })],
    indexes: [index(PersistentVolumeClaim, bySnapshot, (claim) => sourceKeys(claim, "snapshot"))],
    async reconcile({ key, object }, { cache, client, signal }) {
      if (object === undefined || !hasFinalizer(object, snapshotFinalizer)) return done;
      const isNeeded = cache.byIndex(PersistentVolumeClaim, bySnapshot, key).some(isPending);
      if (!isNeeded) await removeFinalizer(client, SnapshotMetadata, object, snapshotFinalizer, signal);
      return done;
    },
  });
}

/** Where each node has controllers of its own, those of the volume's node let its claim go. */
function isOfNode(claim: Claim, node: OwnNode, cache: CacheReader): boolean {
  const volume = cache.get(PersistentVolume, { name: claim.spec?.volumeName ?? "" });
  return isReachable(volume?.spec?.nodeAffinity, node.segments);
}

function isPending({ status }: Cached<PersistentVolumeClaim>): boolean {
  return (status?.phase ?? "Pending") === "Pending";
}

function sourcesOf(claim: Claim, kind: SourceKind): readonly ObjectRef[] {
  try {
    const source = dataSourceOf(claim);
    return source?.kind === kind ? [{ name: source.name, namespace: source.namespace }] : [];
  } catch {
    // A claim that no provisioner takes has no source to protect.
    return [];
  }
}

function sourceKeys(claim: Claim, kind: SourceKind): readonly string[] {
  return sourcesOf(claim, kind).map(({ namespace, name }) => `${namespace}/${name}`);
}
