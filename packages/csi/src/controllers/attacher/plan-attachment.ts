import type { Cached, DeepReadonly } from "@kx/controllers";
import type { CSIPersistentVolumeSource, PersistentVolume, PersistentVolumeSpec } from "@kx/controllers/api/core-v1";
import type { CSINode, VolumeAttachment } from "@kx/controllers/api/storage-v1";
import { KxError } from "@kx/core";
import { hasFinalizer } from "../finalizers.ts";

/** On an attachment: the node's id as the driver knows it, for when its CSINode is gone. */
export const nodeIdAnnotation = "csi.alpha.kubernetes.io/node-id";

/** Keeps attachments until they are detached, and volumes as long as they are attached. */
export function attacherFinalizer(driverName: string): string {
  const name = driverName.replaceAll(/[^a-zA-Z0-9-]/g, "-");
  return `external-attacher/${name.endsWith("-") ? `${name}X` : name}`;
}

/** An attachment as the cache has it. */
export type Attachment = Cached<VolumeAttachment>;

/** What is to be done for an attachment. */
export type AttachmentStep = "nothing" | "mark-attached" | "attach" | "check" | "detach";

/** What a plan is made of. */
export interface AttachmentFacts {
  readonly driverName: string;
  readonly attachment: Attachment;
  /** Whether the driver attaches at all. */
  readonly attaches: boolean;
  /** The only node whose attachments are looked after; absent: all are. */
  readonly node?: string | undefined;
}

/** Decides what is to be done for an attachment; `check` asks whether the driver still has it as attached. */
export function planAttachment({ driverName, attachment, attaches, node }: AttachmentFacts): AttachmentStep {
  const { spec, status, metadata } = attachment;
  if (spec.attacher !== driverName || (node !== undefined && spec.nodeName !== node)) return "nothing";
  const isAttached = status?.attached === true;
  if (!attaches) return isAttached || metadata.deletionTimestamp !== undefined ? "nothing" : "mark-attached";
  if (metadata.deletionTimestamp !== undefined) {
    return hasFinalizer(attachment, attacherFinalizer(driverName)) ? "detach" : "nothing";
  }
  return isAttached ? "check" : "attach";
}

/** Whether a change of an attachment is worth a look: our own reports of errors are not. */
export function isNews(old: Attachment, fresh: Attachment): boolean {
  const [a, b] = [old, fresh].map(({ metadata, spec, status }) => [
    metadata.deletionTimestamp,
    metadata.finalizers,
    metadata.annotations,
    spec,
    status?.attached,
  ]);
  return JSON.stringify(a) !== JSON.stringify(b);
}

/** What is attached. */
export interface AttachedVolume {
  readonly spec: DeepReadonly<PersistentVolumeSpec>;
  readonly csi: DeepReadonly<CSIPersistentVolumeSource>;
}

/**
 * What an attachment attaches: a volume, or what stands in the attachment itself.
 *
 * @throws KxError `KX_CSI_ATTACHMENT`.
 */
export function attachedVolume(
  attachment: Attachment,
  volume: DeepReadonly<PersistentVolume> | undefined,
  driverName: string,
): AttachedVolume {
  const { persistentVolumeName, inlineVolumeSpec } = attachment.spec.source;
  if (persistentVolumeName !== undefined && volume === undefined) {
    throw impossible(`the volume ${persistentVolumeName} does not exist`);
  }
  const spec = persistentVolumeName === undefined ? inlineVolumeSpec : volume?.spec;
  const csi = spec?.csi;
  if (spec === undefined || csi === undefined) throw impossible("it names no CSI volume");
  if (csi.driver !== driverName) throw impossible(`its volume is of the driver ${csi.driver}`);
  return { spec, csi };
}

/**
 * The id by which the driver knows a node. An attachment that is to end remembers it, as the node may be gone or the driver
 * not running there any more.
 *
 * @throws KxError `KX_CSI_ATTACHMENT`.
 */
export function nodeIdOf(attachment: Attachment, csiNode: Cached<CSINode> | undefined, driverName: string): string {
  const known = csiNode?.spec.drivers?.find(({ name }) => name === driverName)?.nodeID;
  const remembered = attachment.metadata.deletionTimestamp === undefined ? undefined : rememberedNodeId(attachment);
  const id = known ?? remembered;
  if (id !== undefined) return id;
  throw impossible(`the driver ${driverName} is not registered on node ${attachment.spec.nodeName}`);
}

/** The node's id at the time of attaching. */
export function rememberedNodeId({ metadata }: Attachment): string | undefined {
  return metadata.annotations?.[nodeIdAnnotation];
}

/** The volume that an attachment names. */
export function volumeNames({ spec }: Attachment): readonly string[] {
  const { persistentVolumeName } = spec.source;
  return persistentVolumeName === undefined ? [] : [persistentVolumeName];
}

function impossible(reason: string): KxError {
  return new KxError("KX_CSI_ATTACHMENT", reason, { retryable: true });
}
