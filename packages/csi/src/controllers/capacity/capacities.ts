import {
  type Controller,
  defineController,
  done,
  index,
  isNotFound,
  type ObjectRef,
  type ReconcileContext,
  type Result,
  requeueAfter,
  watch,
} from "@kx/controllers";
import { Node, PersistentVolume } from "@kx/controllers/api/core-v1";
import { CSINode, CSIStorageCapacity, StorageClass } from "@kx/controllers/api/storage-v1";
import { labelsOnly, volumes, whole } from "../kubernetes.ts";
import { partComponent, partName } from "../part-name.ts";
import { hasTopology } from "../provisioner/provisioner-env.ts";
import { clusterPlaces, type Segments } from "../provisioner/topology.ts";
import { reservedPrefix } from "../secrets.ts";
import type { SidecarEnv } from "../sidecars.ts";
import { quantityOf } from "../sizes.ts";
import {
  type Capacity,
  capacityLabels,
  capacityName,
  capacityPlaces,
  isCurrent,
  managerOf,
  wantsCapacity,
} from "./plan-capacity.ts";

const byClass = "capacity-class";
/** A storm of volumes changes the capacity all the time: it is asked for no more often than this. */
const leastMs = 1000;

/** Tells the scheduler how much room there is, for each class and place. */
export function capacitiesController({ driver, options }: SidecarEnv): Controller<StorageClass> {
  const { node, callTimeoutMs, capacity: settings = {} } = options;
  const { namespace = "default", owner, immediateBinding = false, pollMs = 60_000 } = settings;
  const manager = managerOf(node?.name);
  const labels = { [capacityLabels.driver]: driver.name, [capacityLabels.managedBy]: manager };
  const labelSelector = Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
  const askedAt = new Map<string, number>();
  const isLocal = node !== undefined || !hasTopology({ driver });

  const placesOf = ({ cache }: ReconcileContext): readonly (Segments | undefined)[] => {
    if (node !== undefined) return [node.segments];
    if (isLocal) return [undefined];
    const csiNodes = cache.list(CSINode);
    const names = csiNodes.map(({ metadata: { name } }) => name);
    return capacityPlaces(names, clusterPlaces(driver.name, csiNodes, cache.list(Node)));
  };

  const ask = async (storageClass: StorageClassLike, place: Segments | undefined, signal: AbortSignal) => {
    const parameters = Object.entries(storageClass.parameters ?? {}).filter(([key]) => !key.startsWith(reservedPrefix));
    const request = {
      parameters: Object.fromEntries(parameters),
      ...(place === undefined ? {} : { accessibleTopology: { segments: { ...place } } }),
    };
    const answer = await driver.controller.getCapacity(request, { timeoutMs: callTimeoutMs, signal });
    return { bytes: answer.availableCapacity, largest: answer.maximumVolumeSize } satisfies Capacity;
  };

  const tell = async (
    name: string,
    className: string,
    place: Segments | undefined,
    told: Capacity,
    ctx: ReconcileContext,
  ) => {
    const { client, cache, signal } = ctx;
    if (isCurrent(cache.get(CSIStorageCapacity, { name, namespace }), told)) return;
    const object = {
      metadata: { name, namespace, labels, ...(owner === undefined ? {} : { ownerReferences: [owner] }) },
      storageClassName: className,
      nodeTopology: place === undefined ? {} : { matchLabels: { ...place } },
      capacity: quantityOf(told.bytes),
      ...(told.largest === undefined ? {} : { maximumVolumeSize: quantityOf(told.largest) }),
    };
    await client.patch(CSIStorageCapacity, { name, namespace }, object, { force: true, signal });
  };

  return defineController({
    name: partName(driver, "capacity"),
    component: partComponent(driver, "capacity"),
    for: StorageClass,
    select: whole,
    watches: [
      watch(CSIStorageCapacity, {
        map: ({ storageClassName }) => [{ name: storageClassName }],
        select: { namespace, labelSelector },
      }),
      watch(PersistentVolume, {
        map: ({ spec }) => (spec?.csi?.driver === driver.name ? [{ name: spec.storageClassName ?? "" }] : []),
        select: volumes,
      }),
      ...(isLocal
        ? []
        : [
            watch(CSINode, { map: (_, cache) => allClasses(cache), select: whole }),
            watch(Node, { map: (_, cache) => allClasses(cache), select: labelsOnly }),
          ]),
    ],
    indexes: [index(CSIStorageCapacity, byClass, ({ storageClassName }) => [storageClassName])],
    retryBackoff: options.retryBackoff,
    async reconcile({ ref, object: storageClass }, ctx): Promise<Result> {
      const { client, cache, signal, clock } = ctx;
      const sinceMs = clock.now() - (askedAt.get(ref.name) ?? 0);
      if (sinceMs < leastMs) return requeueAfter(leastMs - sinceMs);
      const wanted = new Set<string>();
      const isWanted = storageClass !== undefined && wantsCapacity(storageClass, driver.name, immediateBinding);
      if (isWanted) askedAt.set(ref.name, clock.now());
      else askedAt.delete(ref.name);
      for (const place of isWanted ? placesOf(ctx) : []) {
        const name = capacityName(driver.name, manager, ref.name, place);
        wanted.add(name);
        await tell(name, ref.name, place, await ask(storageClass ?? {}, place, signal), ctx);
      }
      for (const { metadata } of cache.byIndex(CSIStorageCapacity, byClass, ref.name)) {
        if (wanted.has(metadata.name)) continue;
        await client
          .delete(CSIStorageCapacity, { name: metadata.name, namespace }, { signal })
          .catch((error: unknown) => {
            if (!isNotFound(error)) throw error;
          });
      }
      return isWanted ? requeueAfter(pollMs) : done;
    },
  });
}

interface StorageClassLike {
  readonly parameters?: Readonly<Record<string, string>>;
}

function allClasses(cache: { list(resource: typeof StorageClass): readonly { metadata: ObjectRef }[] }): ObjectRef[] {
  return cache.list(StorageClass).map(({ metadata: { name } }) => ({ name }));
}
