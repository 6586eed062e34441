import { create } from "@bufbuild/protobuf";
import {
  type ControllerPublishVolumeResponse,
  ControllerPublishVolumeResponseSchema,
  type ControllerUnpublishVolumeResponse,
  ControllerUnpublishVolumeResponseSchema,
  type ValidateVolumeCapabilitiesResponse,
  ValidateVolumeCapabilitiesResponseSchema,
} from "@kx/core/contracts/csi";
import { isMultiNode, modeOf, whyUnsupported } from "./access.ts";
import { haveSameParameters, isSameCapability } from "./compatible.ts";
import { csiError } from "./csi-error.ts";
import { type LockKey, shared } from "./keyed-locks.ts";
import type { Rules, Step } from "./kit.ts";
import { fromStored, toStored } from "./stored-message.ts";
import { refuseUnsupported, requireStored } from "./stored-volume.ts";
import type { JsonRecord, StoredAttachment, StoredObject } from "./volume-state.ts";

/** How volumes reach nodes. */
export const attachRules = {
  controllerPublishVolume: { locks: attachLocks, around: publish },
  controllerUnpublishVolume: { locks: attachLocks, around: unpublish },
  validateVolumeCapabilities: { around: validate },
} satisfies Rules;

/** A snapshot may be at work for minutes; it keeps the volume from being deleted, not from being used. */
function attachLocks({ volumeId }: { readonly volumeId: string }): readonly LockKey[] {
  return [shared("volume", volumeId), { key: `attachment of volume:${volumeId}` }];
}

async function publish(step: Step<"controllerPublishVolume">): Promise<ControllerPublishVolumeResponse> {
  const { kit, request, call } = step;
  const { volumeId, nodeId, volumeCapability, readonly } = request;
  if (readonly && kit.features.publishReadonly !== true) {
    throw csiError("INVALID_ARGUMENT", "readonly is set, and the driver does not publish volumes read-only");
  }
  refuseUnsupported(kit, [volumeCapability], "INVALID_ARGUMENT");
  const stored = await requireStored(kit, call, "volume", volumeId);
  if (stored === undefined) return await step.handle();
  const { attachments = {} } = stored;
  const before = attachments[nodeId];
  if (before !== undefined) return answerAttached(before, call.json, volumeId, nodeId);
  refuseSecondNode(stored, isMultiNode(modeOf(volumeCapability)));
  const response = await step.handle();
  const attachment: StoredAttachment = {
    request: call.json,
    response: toStored(ControllerPublishVolumeResponseSchema, response),
  };
  await kit.state?.put({ ...stored, attachments: { ...attachments, [nodeId]: attachment }, ...call.dataOf(stored) });
  return response;
}

function answerAttached(
  { request, response }: StoredAttachment,
  now: JsonRecord,
  volumeId: string,
  nodeId: string,
): ControllerPublishVolumeResponse {
  const isSame =
    isSameCapability(request["volumeCapability"], now["volumeCapability"]) &&
    (request["readonly"] ?? false) === (now["readonly"] ?? false);
  if (isSame) return fromStored(ControllerPublishVolumeResponseSchema, response);
  throw csiError(
    "ALREADY_EXISTS",
    `the volume ${JSON.stringify(volumeId)} is published to the node ${nodeId} with another capability or readonly`,
  );
}

function refuseSecondNode({ id, attachments = {} }: StoredObject, isMulti: boolean): void {
  const others = Object.entries(attachments);
  const allowMulti = others.every(([, { request }]) => isMultiNodeJson(request));
  if (others.length === 0 || (isMulti && allowMulti)) return;
  const nodes = others.map(([node]) => node).join(", ");
  throw csiError("IN_USE", `the volume ${JSON.stringify(id)} is published to the node ${nodes}`, {
    remedy: "unpublish it there first",
  });
}

function isMultiNodeJson(request: JsonRecord): boolean {
  return JSON.stringify(request["volumeCapability"] ?? {}).includes('"MULTI_NODE_');
}

async function unpublish(step: Step<"controllerUnpublishVolume">): Promise<ControllerUnpublishVolumeResponse> {
  const { kit, request, call } = step;
  const stored = await kit.state?.get("volume", request.volumeId);
  if (kit.state !== undefined && stored === undefined) return create(ControllerUnpublishVolumeResponseSchema, {});
  if (stored !== undefined) call.stored = stored;
  // Also for a node of which nothing is known: an attaching call may have ended before it was written down.
  const response = await step.handle();
  if (stored === undefined) return response;
  const { attachments = {}, ...rest } = stored;
  const left = request.nodeId === "" ? [] : Object.entries(attachments).filter(([node]) => node !== request.nodeId);
  await kit.state?.put({
    ...rest,
    ...(left.length === 0 ? {} : { attachments: Object.fromEntries(left) }),
    ...call.dataOf(stored),
  });
  return response;
}

async function validate(step: Step<"validateVolumeCapabilities">): Promise<ValidateVolumeCapabilitiesResponse> {
  const { kit, request, call } = step;
  const stored = await requireStored(kit, call, "volume", request.volumeId);
  if (kit.definition.validateVolumeCapabilities !== undefined || stored === undefined) return await step.handle();
  const { volumeCapabilities, volumeContext, parameters, mutableParameters } = request;
  const unsupported = volumeCapabilities
    .map((one) => whyUnsupported(one, kit.features))
    .find((why) => why !== undefined);
  const differ = "the volume was created with other parameters";
  const areSame = Object.keys(parameters).length === 0 || haveSameParameters(stored.request ?? {}, call.json);
  const message = unsupported ?? (areSame ? undefined : differ);
  return create(
    ValidateVolumeCapabilitiesResponseSchema,
    message === undefined
      ? { confirmed: { volumeCapabilities, volumeContext, parameters, mutableParameters } }
      : { message },
  );
}
