import { create } from "@bufbuild/protobuf";
import {
  type ControllerExpandVolumeResponse,
  ControllerExpandVolumeResponseSchema,
  type ControllerModifyVolumeResponse,
  CreateVolumeResponseSchema,
} from "@kx/core/contracts/csi";
import { csiError } from "./csi-error.ts";
import type { Kit, ResponseOf, Rules, Step } from "./kit.ts";
import { toStored } from "./stored-message.ts";
import { refuseUnsupported, requireStored, volumeResponse } from "./stored-volume.ts";
import type { JsonRecord, StoredObject } from "./volume-state.ts";

/** How volumes change and what is told of them. */
export const resizeRules = {
  controllerExpandVolume: {
    locks: ({ volumeId }) => [{ key: `volume:${volumeId}` }],
    around: expandVolume,
  },
  controllerModifyVolume: {
    locks: ({ volumeId }) => [{ key: `volume:${volumeId}` }],
    around: modifyVolume,
  },
  controllerGetVolume: { around: whereStored },
  controllerGetVolumeHealth: { around: whereStored },
} satisfies Rules;

type OfOneVolume = "controllerGetVolume" | "controllerGetVolumeHealth";

async function whereStored<Name extends OfOneVolume>({
  kit,
  request,
  call,
  handle,
}: Step<Name>): Promise<ResponseOf<Name>> {
  await requireStored(kit, call, "volume", request.volumeId);
  return await handle();
}

async function expandVolume(step: Step<"controllerExpandVolume">): Promise<ControllerExpandVolumeResponse> {
  const { kit, request, call } = step;
  const { volumeId, volumeCapability } = request;
  const { requiredBytes, limitBytes } = request.capacityRange ?? { requiredBytes: 0n, limitBytes: 0n };
  if (limitBytes > 0n && requiredBytes > limitBytes) {
    throw csiError("OUT_OF_RANGE", `limit_bytes ${limitBytes} is below required_bytes ${requiredBytes}`);
  }
  refuseUnsupported(kit, [volumeCapability], "INVALID_ARGUMENT");
  const stored = await requireStored(kit, call, "volume", volumeId);
  if (stored === undefined) return await step.handle();
  const bytes = volumeResponse(stored).volume?.capacityBytes ?? 0n;
  if (limitBytes > 0n && bytes > limitBytes) {
    throw csiError(
      "OUT_OF_RANGE",
      `the volume ${JSON.stringify(volumeId)} has ${bytes} bytes, ${limitBytes} are allowed`,
    );
  }
  if (bytes > 0n && bytes >= requiredBytes) {
    const nodeExpansionRequired = kit.definition.nodeExpandVolume !== undefined;
    return create(ControllerExpandVolumeResponseSchema, { capacityBytes: bytes, nodeExpansionRequired });
  }
  await refuseInUse(kit, stored);
  const response = await step.handle();
  await kit.state?.put({ ...stored, ...withCapacity(stored, response.capacityBytes), ...call.dataOf(stored) });
  return response;
}

async function refuseInUse({ features, publications }: Kit, { id, attachments = {} }: StoredObject): Promise<void> {
  if (features.expansion !== "offline") return;
  const isPublished = Object.keys(attachments).length > 0 || (await publications.of(id)).length > 0;
  if (!isPublished) return;
  throw csiError("IN_USE", `the volume ${JSON.stringify(id)} is published, and grows only while it is not`);
}

function withCapacity(stored: StoredObject, capacityBytes: bigint): { readonly response: JsonRecord } {
  const response = volumeResponse(stored);
  if (response.volume !== undefined) response.volume.capacityBytes = capacityBytes;
  return { response: toStored(CreateVolumeResponseSchema, response) };
}

async function modifyVolume(step: Step<"controllerModifyVolume">): Promise<ControllerModifyVolumeResponse> {
  const { kit, request, call } = step;
  const stored = await requireStored(kit, call, "volume", request.volumeId);
  const response = await step.handle();
  if (stored === undefined) return response;
  // Kept for those who look, such as ValidateVolumeCapabilities; retries do not compare them.
  const before = Object.entries(stored.request?.["mutableParameters"] ?? {});
  const mutableParameters = { ...Object.fromEntries(before), ...request.mutableParameters };
  await kit.state?.put({ ...stored, request: { ...stored.request, mutableParameters }, ...call.dataOf(stored) });
  return response;
}
