import type { Cached, DeepReadonly } from "@kx/controllers";
import type { VolumeSnapshot, VolumeSnapshotContent } from "./resources.ts";
import type { SnapshotWorld } from "./snapshot-world.ts";

/** Name of the content that is made for a snapshot. */
export function dynamicContentName({ metadata }: Cached<VolumeSnapshot>): string {
  return `snapcontent-${metadata.uid}`;
}

/** Whether a content is bound to a snapshot. */
export function isBoundTo(
  { spec }: DeepReadonly<VolumeSnapshotContent>,
  { metadata }: Cached<VolumeSnapshot>,
): boolean {
  const { name, namespace, uid } = spec.volumeSnapshotRef;
  return name === metadata.name && namespace === metadata.namespace && uid === metadata.uid;
}

/** The content that a snapshot names or has been given, or why it cannot be its content. */
export type FoundContent =
  | { readonly content: Cached<VolumeSnapshotContent> | undefined }
  | { readonly reason: string; readonly problem: string };

/** Finds the content of a snapshot that is not being deleted. */
export function contentOf(snapshot: Cached<VolumeSnapshot>, world: SnapshotWorld): FoundContent {
  const given = snapshot.spec.source.volumeSnapshotContentName;
  const name = given ?? dynamicContentName(snapshot);
  const content = world.content(name);
  if (content === undefined) return { content };
  const { source, volumeSnapshotRef: ref } = content.spec;
  if (given !== undefined && source.snapshotHandle === undefined) {
    const problem = "VolumeSnapshotContent is dynamically provisioned while expecting a pre-provisioned one";
    return { reason: "SnapshotContentMismatch", problem };
  }
  if (given === undefined && source.volumeHandle === undefined) {
    const problem = `VolumeSnapshotContent ${name} is pre-provisioned while expecting a dynamically provisioned one`;
    return { reason: "SnapshotContentMismatch", problem };
  }
  // A content that was made for a snapshot has its uid from the start; one that was there before waits for it.
  const isReserved = given !== undefined && (ref.uid === undefined || ref.uid === "");
  const { metadata } = snapshot;
  const isNamed = ref.name === metadata.name && ref.namespace === metadata.namespace;
  if (isNamed && (isReserved || ref.uid === metadata.uid)) return { content };
  const problem = `VolumeSnapshotContent [${name}] is bound to a different snapshot`;
  return { reason: "SnapshotContentMisbound", problem };
}
