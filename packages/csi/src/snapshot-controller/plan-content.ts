import type { Cached } from "@kx/controllers";
import { finalizers } from "./names.ts";
import { VolumeSnapshotContent } from "./resources.ts";
import { changeFinalizers, type Step } from "./steps.ts";

/** Decides what is to be done for a content, beside what is done for its snapshot: it is protected once it is bound. */
export function planBoundContent(content: Cached<VolumeSnapshotContent>): readonly Step[] {
  const { source, volumeSnapshotRef: ref } = content.spec;
  if ((source.volumeHandle === undefined) === (source.snapshotHandle === undefined)) {
    const message = "Exactly one of VolumeHandle and SnapshotHandle should be specified";
    return [{ do: "event", about: content, event: { type: "Warning", reason: "ContentValidationError", message } }];
  }
  const isReserved = ref.uid === undefined || ref.uid === "";
  if (isReserved || content.metadata.deletionTimestamp !== undefined) return [];
  const protect = changeFinalizers(VolumeSnapshotContent, content, { add: [finalizers.contentBound] });
  return protect === undefined ? [] : [protect];
}
