import { type Client, isNotFound, type ObjectLike, type Resource, type Stored } from "@kx/controllers";
import { Event, Node, PersistentVolume, PersistentVolumeClaim, Pod } from "@kx/controllers/api/core-v1";
import {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  StorageClass,
  VolumeAttachment,
  VolumeAttributesClass,
} from "@kx/controllers/api/storage-v1";
import {
  VolumeGroupSnapshot,
  VolumeSnapshot,
  VolumeSnapshotClass,
  VolumeSnapshotContent,
} from "../snapshot-controller/resources.ts";
import type { StorageObjects } from "./storage-objects.ts";

/**
 * Reads what is needed to explain what is stuck, page by page. Snapshots are left out where their CRDs are not installed.
 *
 * @throws KxError `KX_API_*` if a list is refused: what is missing from it would be taken as not there.
 */
export async function readStorageObjects(client: Client, signal?: AbortSignal): Promise<StorageObjects> {
  const call = signal === undefined ? {} : { signal };
  const list = async <T extends ObjectLike>(resource: Resource<T>): Promise<readonly Stored<T>[]> =>
    (await client.list(resource, call)).items;
  const listIfServed = async <T extends ObjectLike>(resource: Resource<T>): Promise<readonly Stored<T>[]> =>
    await list(resource).catch((error: unknown) => {
      if (isNotFound(error)) return [];
      throw error;
    });
  const [pods, claims, volumes, attachments, nodes, csiNodes, classes, attributesClasses, drivers, capacities] =
    await Promise.all([
      readPods(client, signal),
      list(PersistentVolumeClaim),
      list(PersistentVolume),
      list(VolumeAttachment),
      list(Node),
      list(CSINode),
      list(StorageClass),
      list(VolumeAttributesClass),
      list(CSIDriver),
      list(CSIStorageCapacity),
    ]);
  const [snapshots, snapshotContents, snapshotClasses, groupSnapshots, events] = await Promise.all([
    listIfServed(VolumeSnapshot),
    listIfServed(VolumeSnapshotContent),
    listIfServed(VolumeSnapshotClass),
    listIfServed(VolumeGroupSnapshot),
    readEvents(client, signal),
  ]);
  return {
    pods,
    claims,
    volumes,
    attachments,
    nodes,
    csiNodes,
    classes,
    attributesClasses,
    drivers,
    capacities,
    snapshots,
    snapshotContents,
    snapshotClasses,
    groupSnapshots,
    events,
  };
}

/** A cluster has many pods, and of each little is needed. */
async function readPods(client: Client, signal: AbortSignal | undefined): Promise<readonly Stored<Pod>[]> {
  const kept: Stored<Pod>[] = [];
  for await (const { items } of client.pages(Pod, signal === undefined ? {} : { signal })) {
    for (const { metadata, spec, status } of items) {
      const volumes = (spec?.volumes ?? []).filter(
        (volume) => (volume.persistentVolumeClaim ?? volume.ephemeral ?? volume.csi) !== undefined,
      );
      if (volumes.length === 0) continue;
      const { managedFields: _, annotations: __, ...about } = metadata;
      const { nodeName } = spec ?? {};
      const { phase, conditions } = status ?? {};
      const pod = {
        metadata: about,
        spec: { containers: [], volumes, ...(nodeName === undefined ? {} : { nodeName }) },
        status: { ...(phase === undefined ? {} : { phase }), ...(conditions === undefined ? {} : { conditions }) },
      };
      kept.push(pod);
    }
  }
  return kept;
}

const kindsWithEvents = [
  "Pod",
  "PersistentVolumeClaim",
  "PersistentVolume",
  "VolumeAttachment",
  "VolumeSnapshot",
  "VolumeSnapshotContent",
  "VolumeGroupSnapshot",
] as const;

/** That no volume fits is told as no warning. */
const tellingReasons: ReadonlySet<string | undefined> = new Set(["FailedBinding"]);

async function readEvents(client: Client, signal: AbortSignal | undefined): Promise<readonly Stored<Event>[]> {
  const lists = await Promise.all(
    kindsWithEvents.map((kind) =>
      client.list(Event, {
        fieldSelector: `involvedObject.kind=${kind}${kind === "Pod" ? ",type=Warning" : ""}`,
        ...(signal === undefined ? {} : { signal }),
      }),
    ),
  );
  const isTelling = ({ type, reason }: Event) => type === "Warning" || tellingReasons.has(reason);
  return lists.flatMap(({ items }) => items.filter(isTelling));
}
