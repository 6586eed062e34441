import { type Change, defineController, done, type Resource, watch } from "@kx/controllers";
import type { Extension } from "@kx/core";
import { ControllerCapability, GroupControllerCapability } from "@kx/core/contracts/csi";
import { managedByLabel } from "../../snapshot-controller/names.ts";
import {
  type SnapshotClass,
  VolumeGroupSnapshotClass,
  VolumeSnapshotClass,
} from "../../snapshot-controller/resources.ts";
import { whenServed } from "../gated.ts";
import { partComponent, partName } from "../part-name.ts";
import type { Sidecar, SidecarEnv } from "../sidecars.ts";
import type { Content, ContentKind } from "./content-kind.ts";
import { workOn } from "./content-worker.ts";
import { groupContents } from "./group-contents.ts";
import { snapshotContents } from "./snapshot-contents.ts";

/** How snapshots are taken. */
export interface SnapshotterOptions {
  /** Snapshots are named by it and the uid of their VolumeSnapshot. Default: `snapshot`. */
  readonly snapshotNamePrefix?: string;
  /** The same for groups. Default: `groupsnapshot`. */
  readonly groupSnapshotNamePrefix?: string;
}

/** Has a driver take and delete the snapshots that contents stand for. */
export const snapshotter: Sidecar = {
  isNeeded: ({ controller }) => controller.has(ControllerCapability.CREATE_DELETE_SNAPSHOT),
  make(env) {
    const hasGroups = env.driver.capabilities.groupController.has(
      GroupControllerCapability.CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT,
    );
    const { snapshotter: taking = {} } = env.options;
    const groups = groupContents(taking.groupSnapshotNamePrefix);
    return [
      controllerOf("snapshotter", snapshotContents(taking.snapshotNamePrefix), VolumeSnapshotClass, env),
      // The volumes of a group may be on several nodes, and nothing says whose its content is.
      ...(hasGroups && env.options.node === undefined
        ? [controllerOf("group-snapshotter", groups, VolumeGroupSnapshotClass, env)]
        : []),
    ];
  },
};

function controllerOf<T extends Content>(
  part: string,
  kind: ContentKind<T>,
  classes: Resource<SnapshotClass>,
  { driver, options }: SidecarEnv,
): Extension {
  const controller = defineController<T>({
    name: partName(driver, part),
    component: partComponent(driver, part),
    eventsApi: "core/v1",
    for: kind.resource,
    // The snapshot controller says on contents whose they are, if it is told that drivers are distributed.
    ...(options.node === undefined ? {} : { select: { labelSelector: `${managedByLabel}=${options.node.name}` } }),
    predicates: [(change) => matters(change, kind, driver.name)],
    watches: [watch(classes, { map: () => [] })],
    concurrency: options.concurrency,
    retryBackoff: options.retryBackoff,
    async reconcile({ object }, ctx) {
      if (object === undefined) return done;
      const { callTimeoutMs, extraCreateMetadata: tellsNames = false } = options;
      return await workOn(kind, object, { ...ctx, driver, callTimeoutMs, tellsNames });
    },
  });
  return whenServed(controller);
}

/** Whether a change asks for work: not what this controller writes itself. */
function matters<T extends Content>(change: Change<T>, kind: ContentKind<T>, driver: string): boolean {
  if (change.object.spec.driver !== driver) return false;
  if (change.kind !== "updated") return change.kind === "added";
  const [now, before] = [kind.state(change.object), kind.state(change.old)];
  const { object, old } = change;
  if (object.metadata.generation !== old.metadata.generation) return true;
  return (
    now.isDeleted !== before.isDeleted ||
    now.isBeingDeleted !== before.isBeingDeleted ||
    now.isBound !== before.isBound ||
    (now.isReady && !before.isReady) ||
    (now.source === "member" && now.hasHandle !== before.hasHandle)
  );
}
