import { type CreateVolumeResponse, CreateVolumeResponseSchema, type VolumeCapability } from "@kx/core/contracts/csi";
import { whyUnsupported } from "./access.ts";
import type { CsiCall } from "./csi-call.ts";
import { type CsiFailure, csiError } from "./csi-error.ts";
import type { Kit } from "./kit.ts";
import { fromStored } from "./stored-message.ts";
import type { StateKind, StoredObject } from "./volume-state.ts";

/**
 * What the state holds of an object, which the handler gets as `ctx.stored`; undefined without state.
 *
 * @throws KxError `KX_CSI_NOT_FOUND`.
 */
export async function requireStored(
  { state }: Kit,
  call: CsiCall,
  kind: StateKind,
  id: string,
): Promise<StoredObject | undefined> {
  if (state === undefined) return undefined;
  const stored = await state.get(kind, id);
  if (stored === undefined) throw csiError("NOT_FOUND", `there is no ${kind} ${JSON.stringify(id)}`);
  call.stored = stored;
  return stored;
}

/** What CreateVolume answered, as it is now. */
export function volumeResponse({ response = {} }: StoredObject): CreateVolumeResponse {
  return fromStored(CreateVolumeResponseSchema, response);
}

/**
 * Refuses a use of volumes that the driver's features do not name.
 *
 * @throws KxError with the failure that the call's errors name for it.
 */
export function refuseUnsupported(
  { features }: Kit,
  capabilities: readonly (VolumeCapability | undefined)[],
  failure: CsiFailure,
): void {
  for (const capability of capabilities) {
    const why = capability === undefined ? undefined : whyUnsupported(capability, features);
    if (why !== undefined) throw csiError(failure, why, { remedy: "see the driver's features" });
  }
}
