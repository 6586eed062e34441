import {
  type Controller,
  defineController,
  done,
  index,
  isNotFound,
  type ReconcileContext,
  type Result,
  watch,
} from "@kx/controllers";
import { PersistentVolume } from "@kx/controllers/api/core-v1";
import { CSINode, VolumeAttachment } from "@kx/controllers/api/storage-v1";
import { type Clock, KxError, systemClock } from "@kx/core";
import { ControllerCapability } from "@kx/core/contracts/csi";
import { statusNumber } from "@kx/core/grpc";
import { asBlock, asMount, csiAccessMode } from "../access-modes.ts";
import { addFinalizer, hasFinalizer, removeFinalizer } from "../finalizers.ts";
import { volumes, whole } from "../kubernetes.ts";
import { reasonOf, statusOf } from "../outcome.ts";
import { partComponent, partName } from "../part-name.ts";
import { readSecret } from "../secrets.ts";
import type { SidecarEnv } from "../sidecars.ts";
import {
  type AttachedVolume,
  type Attachment,
  type AttachmentStep,
  attachedVolume,
  attacherFinalizer,
  isNews,
  nodeIdAnnotation,
  nodeIdOf,
  planAttachment,
  rememberedNodeId,
  volumeNames,
} from "./plan-attachment.ts";
import { publishedNodes } from "./published-nodes.ts";

const byNode = "attachment-node";

type ErrorField = "attachError" | "detachError";

/** Where it is told that a step has failed. */
const errorFields: Readonly<Partial<Record<AttachmentStep, ErrorField>>> = {
  attach: "attachError",
  detach: "detachError",
};

/** Attaches volumes to nodes, and detaches them. */
export function attachmentsController({ driver, options }: SidecarEnv): Controller<VolumeAttachment> {
  const { callTimeoutMs, concurrency, retryBackoff, defaultFsType = "" } = options;
  const { reconcileMs: resyncMs = 60_000 } = options.attacher ?? {};
  const { controller: capabilities } = driver.capabilities;
  const attaches = capabilities.has(ControllerCapability.PUBLISH_UNPUBLISH_VOLUME);
  const finalizer = attacherFinalizer(driver.name);
  let clock: Clock = systemClock;
  const published = publishedNodes(driver, { callTimeoutMs, maxAgeMs: resyncMs }, () => clock);
  /** When this process attached what, by uid. */
  const attachedAt = new Map<string, number>();

  const subject = (attachment: Attachment, { cache }: ReconcileContext) => {
    const [name] = volumeNames(attachment);
    const volume = name === undefined ? undefined : cache.get(PersistentVolume, { name });
    const csiNode = cache.get(CSINode, { name: attachment.spec.nodeName });
    const found = attachedVolume(attachment, volume, driver.name);
    return { volume, found, nodeId: nodeIdOf(attachment, csiNode, driver.name) };
  };

  const attach = async (attachment: Attachment, ctx: ReconcileContext): Promise<void> => {
    const { client, signal } = ctx;
    const { volume, found, nodeId } = subject(attachment, ctx);
    if (volume?.metadata.deletionTimestamp !== undefined) {
      throw new KxError("KX_CSI_ATTACHMENT", `the volume ${volume.metadata.name} is being deleted`);
    }
    const request = {
      volumeId: found.csi.volumeHandle,
      nodeId,
      volumeCapability: capabilityOf(found, capabilities, defaultFsType),
      readonly: capabilities.has(ControllerCapability.PUBLISH_READONLY) && found.csi.readOnly === true,
      volumeContext: { ...found.csi.volumeAttributes },
      secrets: await readSecret(client, found.csi.controllerPublishSecretRef, signal),
    };
    if (volume !== undefined) await addFinalizer(client, PersistentVolume, volume, finalizer, signal);
    await remember(attachment, nodeId, finalizer, ctx);
    const startedMs = ctx.clock.now();
    const answer = await driver.controller.controllerPublishVolume(request, { timeoutMs: callTimeoutMs, signal });
    const status = { attached: true, attachmentMetadata: { ...answer.publishContext }, attachError: null };
    await patchStatus(attachment, status, ctx);
    attachedAt.set(attachment.metadata.uid, startedMs);
    ctx.log.info({ attachment: attachment.metadata.name, node: attachment.spec.nodeName }, "volume attached");
  };

  const detach = async (attachment: Attachment, ctx: ReconcileContext): Promise<void> => {
    const { client, signal } = ctx;
    const { found, nodeId } = subject(attachment, ctx);
    const secrets = await readSecret(client, found.csi.controllerPublishSecretRef, signal);
    const request = { volumeId: found.csi.volumeHandle, nodeId, secrets };
    await driver.controller.controllerUnpublishVolume(request, { timeoutMs: callTimeoutMs, signal });
    attachedAt.delete(attachment.metadata.uid);
    await removeFinalizer(client, VolumeAttachment, attachment, finalizer, signal);
    // Without another finalizer the attachment is gone now.
    if (attachment.metadata.finalizers?.some((other) => other !== finalizer) === true) {
      await patchStatus(attachment, { attached: false, attachmentMetadata: null, detachError: null }, ctx);
    }
    ctx.log.info({ attachment: attachment.metadata.name, node: attachment.spec.nodeName }, "volume detached");
  };

  /** Attaches again what the driver has lost, as after somebody detached it by hand. */
  const check = async (attachment: Attachment, ctx: ReconcileContext): Promise<void> => {
    if (published === undefined) return;
    const { found, nodeId } = subject(attachment, ctx);
    const { volumeHandle } = found.csi;
    const since = attachedAt.get(attachment.metadata.uid) ?? 0;
    if ((await published.has(volumeHandle, nodeId, since, ctx.signal)) !== false) return;
    ctx.log.warn(
      { attachment: attachment.metadata.name, volumeHandle },
      "driver does not know of attachment, attaching again",
    );
    await attach(attachment, ctx);
  };

  return defineController({
    name: partName(driver, "attacher"),
    component: partComponent(driver, "attacher"),
    for: VolumeAttachment,
    select: whole,
    predicates: [(change) => change.kind !== "updated" || isNews(change.old, change.object)],
    watches: [
      watch(PersistentVolume, { map: () => [], select: volumes }),
      watch(CSINode, {
        map: ({ metadata: { name } }, cache) =>
          // A driver that has come up on a node is waited for there.
          cache.byIndex(VolumeAttachment, byNode, name).map(({ metadata }) => ({ name: metadata.name })),
        select: whole,
      }),
    ],
    indexes: [
      index(VolumeAttachment, byNode, ({ spec, status }) => (status?.attached === true ? [] : [spec.nodeName])),
    ],
    ...(published === undefined ? {} : { resyncMs }),
    concurrency,
    initialPriority: 0,
    retryBackoff,
    async reconcile({ object: attachment }, ctx): Promise<Result> {
      clock = ctx.clock;
      if (attachment === undefined) return done;
      const step = planAttachment({ driverName: driver.name, attachment, attaches, node: options.node?.name });
      try {
        if (step === "attach") await attach(attachment, ctx);
        else if (step === "detach") await detach(attachment, ctx);
        else if (step === "check") await check(attachment, ctx);
        else if (step === "mark-attached") await patchStatus(attachment, { attached: true }, ctx);
      } catch (error) {
        const field = errorFields[step];
        if (field !== undefined && !ctx.signal.aborted) await saveError(attachment, field, error, ctx);
        throw error;
      }
      return done;
    },
  });
}

function capabilityOf(
  { spec, csi }: AttachedVolume,
  capabilities: ReadonlySet<ControllerCapability>,
  defaultFsType: string,
) {
  const mode = csiAccessMode(spec.accessModes ?? [], capabilities.has(ControllerCapability.SINGLE_NODE_MULTI_WRITER));
  if (spec.volumeMode === "Block") return asBlock(mode);
  return asMount(mode, csi.fsType ?? defaultFsType, [...(spec.mountOptions ?? [])]);
}

/** Before anything is attached: whoever detaches it must find it, and by which node id. */
async function remember(
  attachment: Attachment,
  nodeId: string,
  finalizer: string,
  { client, signal }: ReconcileContext,
): Promise<void> {
  const { name, finalizers = [], resourceVersion } = attachment.metadata;
  if (hasFinalizer(attachment, finalizer) && rememberedNodeId(attachment) === nodeId) return;
  const kept = finalizers.filter((other) => other !== finalizer);
  const patch = {
    metadata: { resourceVersion, finalizers: [...kept, finalizer], annotations: { [nodeIdAnnotation]: nodeId } },
  };
  await client.patch(VolumeAttachment, { name }, patch, { type: "merge", signal });
}

async function patchStatus(
  attachment: Attachment,
  status: object,
  { client, signal }: ReconcileContext,
): Promise<void> {
  const { name } = attachment.metadata;
  try {
    await client.patch(VolumeAttachment, { name }, { status }, { type: "merge", subresource: "status", signal });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

async function saveError(
  attachment: Attachment,
  field: ErrorField,
  error: unknown,
  ctx: ReconcileContext,
): Promise<void> {
  const status = statusOf(error);
  const told = {
    message: reasonOf(error),
    time: new Date(ctx.clock.now()).toISOString(),
    ...(status === undefined || field === "detachError" ? {} : { errorCode: statusNumber(status) }),
  };
  const attached = attachment.status?.attached === true;
  await patchStatus(attachment, { attached, [field]: told }, ctx).catch((err: unknown) => {
    ctx.log.warn({ err }, "error cannot be saved in attachment");
  });
}
