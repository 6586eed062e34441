import { create } from "@bufbuild/protobuf";
import {
  type CreateSnapshotResponse,
  CreateSnapshotResponseSchema,
  type DeleteSnapshotResponse,
  DeleteSnapshotResponseSchema,
  GetSnapshotRequestSchema,
  type GetSnapshotResponse,
} from "@kx/core/contracts/csi";
import { haveSameParameters, isReachable } from "./compatible.ts";
import { csiError } from "./csi-error.ts";
import { shared } from "./keyed-locks.ts";
import type { Rules, Step } from "./kit.ts";
import { fromStored, toStored } from "./stored-message.ts";
import { requireStored } from "./stored-volume.ts";
import type { StoredObject } from "./volume-state.ts";

/** How snapshots come and go. */
export const snapshotRules = {
  createSnapshot: {
    locks: ({ name, sourceVolumeId }) => [{ key: `snapshot name:${name}` }, shared("volume", sourceVolumeId)],
    around: createSnapshot,
  },
  deleteSnapshot: {
    locks: ({ snapshotId }) => [{ key: `snapshot:${snapshotId}` }],
    around: deleteSnapshot,
  },
  getSnapshot: { around: getSnapshot },
} satisfies Rules;

async function createSnapshot(step: Step<"createSnapshot">): Promise<CreateSnapshotResponse> {
  const { kit, request, call } = step;
  if (kit.state === undefined) return await step.handle();
  const existing = await kit.state.findByName("snapshot", request.name);
  if (existing === undefined) {
    const source = await kit.state.get("volume", request.sourceVolumeId);
    if (source === undefined) {
      throw csiError("NOT_FOUND", `there is no volume ${JSON.stringify(request.sourceVolumeId)} to take a snapshot of`);
    }
  } else {
    const response = answerExisting(existing, step);
    if (response.snapshot?.readyToUse === true) return response;
    call.stored = existing;
  }
  const response = existing === undefined ? await step.handle() : await ask(step, existing);
  await kit.state.put({
    kind: "snapshot",
    id: response.snapshot?.snapshotId ?? "",
    name: request.name,
    request: call.json,
    response: toStored(CreateSnapshotResponseSchema, response),
    ...call.dataOf(existing),
  });
  return response;
}

/** A snapshot that was not ready is asked for again until it is: callers repeat their request for that. */
async function ask(step: Step<"createSnapshot">, existing: StoredObject): Promise<CreateSnapshotResponse> {
  const { definition } = step.kit;
  if (definition.getSnapshot === undefined) return await step.handle();
  const request = create(GetSnapshotRequestSchema, { snapshotId: existing.id, secrets: step.request.secrets });
  const { snapshot } = await definition.getSnapshot(request, step.call);
  return create(CreateSnapshotResponseSchema, snapshot === undefined ? {} : { snapshot });
}

function answerExisting(existing: StoredObject, { request, call }: Step<"createSnapshot">): CreateSnapshotResponse {
  const response = fromStored(CreateSnapshotResponseSchema, existing.response);
  const { sourceVolumeId, accessibleTopology = [] } = response.snapshot ?? {};
  const isSame =
    sourceVolumeId === request.sourceVolumeId &&
    haveSameParameters(existing.request ?? {}, call.json) &&
    isReachable(accessibleTopology, request.accessibilityRequirements);
  if (isSame) return response;
  throw csiError(
    "ALREADY_EXISTS",
    `the snapshot ${JSON.stringify(request.name)} exists, of the volume ${sourceVolumeId ?? ""} or with other parameters or places`,
    { remedy: "use another name" },
  );
}

async function deleteSnapshot(step: Step<"deleteSnapshot">): Promise<DeleteSnapshotResponse> {
  const { kit, request, call } = step;
  const stored = await kit.state?.get("snapshot", request.snapshotId);
  if (kit.state !== undefined && stored === undefined) return create(DeleteSnapshotResponseSchema, {});
  if (stored !== undefined) {
    const group = fromStored(CreateSnapshotResponseSchema, stored.response).snapshot?.groupSnapshotId ?? "";
    if (group !== "") {
      throw csiError("INVALID_ARGUMENT", `the snapshot belongs to the group ${JSON.stringify(group)}`, {
        remedy: "delete the group",
      });
    }
    call.stored = stored;
  }
  const response = await step.handle();
  await kit.state?.delete("snapshot", request.snapshotId);
  return response;
}

async function getSnapshot({ kit, request, call, handle }: Step<"getSnapshot">): Promise<GetSnapshotResponse> {
  await requireStored(kit, call, "snapshot", request.snapshotId);
  return await handle();
}
