import type { DeepReadonly } from "@kx/controllers";
import { annotations } from "../../snapshot-controller/names.ts";
import type { VolumeGroupSnapshotContent, VolumeSnapshotContent } from "../../snapshot-controller/resources.ts";

/** As much of a content, of a snapshot or of a group, as decides what its driver is asked. */
export interface ContentState {
  readonly driver: string;
  /**
   * `volumes`: snapshots are to be taken; `snapshots`: they existed before; `member`: taken with a group, which the driver
   * knows by another content.
   */
  readonly source: "volumes" | "snapshots" | "member";
  readonly isBound: boolean;
  readonly isDeleted: boolean;
  readonly isBeingCreated: boolean;
  readonly isBeingDeleted: boolean;
  /** Whether the snapshots go with the content. */
  readonly goesAlong: boolean;
  /** Whether the driver has told an id. */
  readonly hasHandle: boolean;
  readonly isReady: boolean;
}

/** What to do for a content. */
export type ContentWork =
  | "nothing"
  /** Have the snapshot taken, or ask again for one that is not ready. */
  | "create"
  /** Ask what has become of it. */
  | "look"
  /** Have it deleted, then let the content go. */
  | "delete"
  /** Let the content go, and the snapshot stay. */
  | "release"
  /** Take away what was left from its creation. */
  | "settle";

/** Decides what the sidecar of a driver does for a content. */
export function planContentWork(state: ContentState, driver: string): ContentWork {
  if (state.driver !== driver) return "nothing";
  if (isToGo(state)) return state.goesAlong && state.hasHandle && state.source !== "member" ? "delete" : "release";
  if (state.isReady) return state.isBeingCreated ? "settle" : "nothing";
  if (state.source === "volumes") return state.isBound ? "create" : "nothing";
  // A member gets its id from who made it.
  return state.source === "snapshots" || state.hasHandle ? "look" : "nothing";
}

function isToGo({ isDeleted, source, isBound, isBeingCreated, isBeingDeleted }: ContentState): boolean {
  if (!isDeleted) return false;
  if (source === "snapshots" && !isBound) return true;
  // A call that has not answered may still take a snapshot, which nobody would know of.
  return !isBeingCreated && isBeingDeleted;
}

/** What decides about the content of a snapshot. */
export function snapshotState({ metadata, spec, status }: DeepReadonly<VolumeSnapshotContent>): ContentState {
  const has = (name: string) => metadata.annotations?.[name] !== undefined;
  const isMember = has(annotations.groupHandle) || status?.volumeGroupSnapshotHandle !== undefined;
  return {
    driver: spec.driver,
    source: isMember ? "member" : spec.source.snapshotHandle === undefined ? "volumes" : "snapshots",
    isBound: (spec.volumeSnapshotRef.uid ?? "") !== "",
    isDeleted: metadata.deletionTimestamp !== undefined,
    isBeingCreated: has(annotations.beingCreated),
    isBeingDeleted: has(annotations.beingDeleted),
    goesAlong: spec.deletionPolicy === "Delete",
    hasHandle: status?.snapshotHandle !== undefined,
    isReady: status?.readyToUse === true,
  };
}

/** What decides about the content of a group. */
export function groupState({ metadata, spec, status }: DeepReadonly<VolumeGroupSnapshotContent>): ContentState {
  const has = (name: string) => metadata.annotations?.[name] !== undefined;
  return {
    driver: spec.driver,
    source: spec.source.groupSnapshotHandles === undefined ? "volumes" : "snapshots",
    isBound: (spec.volumeGroupSnapshotRef.uid ?? "") !== "",
    isDeleted: metadata.deletionTimestamp !== undefined,
    isBeingCreated: has(annotations.groupBeingCreated),
    isBeingDeleted: has(annotations.groupBeingDeleted),
    goesAlong: spec.deletionPolicy === "Delete",
    hasHandle: status?.volumeGroupSnapshotHandle !== undefined,
    isReady: status?.readyToUse === true,
  };
}
