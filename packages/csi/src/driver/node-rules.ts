import { create } from "@bufbuild/protobuf";
import {
  type NodePublishVolumeResponse,
  NodePublishVolumeResponseSchema,
  type NodeStageVolumeResponse,
  type NodeUnpublishVolumeResponse,
  type NodeUnstageVolumeResponse,
} from "@kx/core/contracts/csi";
import { allowsSecondTarget, modeOf } from "./access.ts";
import { isSameCapability } from "./compatible.ts";
import type { CsiCall } from "./csi-call.ts";
import { csiError } from "./csi-error.ts";
import { type LockKey, shared } from "./keyed-locks.ts";
import type { Kit, ResponseOf, Rules, Step } from "./kit.ts";
import type { Publication } from "./publish-table.ts";
import { refuseUnsupported, requireStored } from "./stored-volume.ts";

/** How volumes come to the workloads of a node. */
export const nodeRules = {
  nodeStageVolume: { locks: nodeLocks, around: stage },
  nodeUnstageVolume: { locks: nodeLocks, around: unstage },
  nodePublishVolume: { locks: nodeLocks, around: publish },
  nodeUnpublishVolume: { locks: nodeLocks, around: unpublish },
  nodeExpandVolume: { locks: nodeLocks, around: whereKnown },
  nodeGetVolumeStats: { around: whereKnown },
  nodeGetVolumeHealth: { around: whereKnown },
} satisfies Rules;

/** In one process with the controller's calls, a volume in use must stay, but may be snapshotted meanwhile. */
function nodeLocks({ volumeId }: { readonly volumeId: string }): readonly LockKey[] {
  return [shared("volume", volumeId), { key: `volume on this node:${volumeId}` }];
}

const ephemeralKey = "csi.storage.k8s.io/ephemeral";

interface OfVolume {
  readonly kit: Kit;
  readonly call: CsiCall;
  readonly request: { readonly volumeId: string; readonly volumeContext?: Readonly<Record<string, string>> };
}

/** Only a process that creates volumes knows all there are; inline volumes are created by being published. */
async function requireKnown({ kit, call, request }: OfVolume): Promise<void> {
  const { volumeId, volumeContext = {} } = request;
  if (kit.mode !== "all" || kit.definition.createVolume === undefined) return;
  if (volumeContext[ephemeralKey] === "true" || (await kit.publications.of(volumeId)).length > 0) {
    const stored = await kit.state?.get("volume", volumeId);
    if (stored !== undefined) call.stored = stored;
    return;
  }
  await requireStored(kit, call, "volume", volumeId);
}

type OfKnown = "nodeExpandVolume" | "nodeGetVolumeStats" | "nodeGetVolumeHealth";

async function whereKnown<Name extends OfKnown>(step: Step<Name>): Promise<ResponseOf<Name>> {
  await requireKnown(step);
  return await step.handle();
}

async function stage(step: Step<"nodeStageVolume">): Promise<NodeStageVolumeResponse> {
  const { kit, request, call } = step;
  const { volumeId, stagingTargetPath, volumeCapability } = request;
  refuseUnsupported(kit, [volumeCapability], "IN_USE");
  await requireKnown(step);
  const key = stagedKey(volumeId, stagingTargetPath);
  const before = kit.staged.get(key);
  if (before !== undefined && !isSameCapability(before, call.json["volumeCapability"])) {
    throw csiError("ALREADY_EXISTS", `the volume is staged at ${stagingTargetPath} with another capability`);
  }
  // The handler is asked again even so: what it had mounted may be gone, and only it can tell.
  const response = await step.handle();
  kit.staged.set(key, call.json["volumeCapability"] ?? null);
  return response;
}

async function unstage(step: Step<"nodeUnstageVolume">): Promise<NodeUnstageVolumeResponse> {
  const response = await step.handle();
  step.kit.staged.delete(stagedKey(step.request.volumeId, step.request.stagingTargetPath));
  return response;
}

function stagedKey(volumeId: string, path: string): string {
  return `${volumeId} ${path}`;
}

async function publish(step: Step<"nodePublishVolume">): Promise<NodePublishVolumeResponse> {
  const { kit, request, call } = step;
  const { volumeId, targetPath: target, volumeCapability, readonly: isReadonly } = request;
  refuseUnsupported(kit, [volumeCapability], "IN_USE");
  refuseUnstaged(step);
  await requireKnown(step);
  const before = await kit.publications.at(target);
  const capability = call.json["volumeCapability"] ?? null;
  if (before === undefined) await refuseSecondTarget(step);
  else if (answersBefore(before, step) && kit.definition.csiDriver?.requiresRepublish !== true) {
    return create(NodePublishVolumeResponseSchema, {});
  }
  const response = await step.handle();
  await kit.publications.add({ volumeId, target, isReadonly, capability });
  return response;
}

function refuseUnstaged({ kit, request }: Step<"nodePublishVolume">): void {
  const { stagingTargetPath, volumeContext } = request;
  const isStaged = kit.definition.nodeStageVolume === undefined || stagingTargetPath !== "";
  if (isStaged || volumeContext[ephemeralKey] === "true") return;
  throw csiError("IN_USE", "staging_target_path is missing, and the driver stages volumes", {
    remedy: "call NodeStageVolume first",
  });
}

/**
 * Whether the target has what is asked for already.
 *
 * @throws KxError `KX_CSI_ALREADY_EXISTS` where it has something else.
 */
function answersBefore(before: Publication, { request, call }: Step<"nodePublishVolume">): boolean {
  const { volumeId, targetPath, readonly: isReadonly } = request;
  // Only the kernel tells of it: a call that was killed half-way has not made it read-only yet.
  const isHalfMade = before.capability === undefined && isReadonly && !before.isReadonly;
  const isSame =
    before.volumeId === volumeId &&
    (isHalfMade || before.isReadonly === isReadonly) &&
    (before.capability === undefined || isSameCapability(before.capability, call.json["volumeCapability"]));
  if (isSame) return !isHalfMade;
  const what =
    before.volumeId === volumeId ? "with another capability or readonly" : `for the volume ${before.volumeId}`;
  throw csiError("ALREADY_EXISTS", `${targetPath} is published ${what}`, { remedy: "unpublish it first" });
}

async function refuseSecondTarget({ kit, request }: Step<"nodePublishVolume">): Promise<void> {
  const others = await kit.publications.of(request.volumeId);
  const isAlone = others.some(({ capability }) =>
    JSON.stringify(capability ?? null).includes('"SINGLE_NODE_SINGLE_WRITER"'),
  );
  if (others.length === 0) return;
  if (!isAlone && allowsSecondTarget(modeOf(request.volumeCapability), kit.features)) return;
  throw csiError("IN_USE", `the volume is published at ${others[0]?.target ?? ""}, and its mode allows one workload`, {
    remedy: "unpublish it there first",
  });
}

async function unpublish(step: Step<"nodeUnpublishVolume">): Promise<NodeUnpublishVolumeResponse> {
  const { kit, request, call } = step;
  const stored = await kit.state?.get("volume", request.volumeId);
  if (stored !== undefined) call.stored = stored;
  const response = await step.handle();
  await kit.publications.remove(request.targetPath);
  return response;
}
