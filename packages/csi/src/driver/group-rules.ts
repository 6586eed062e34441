import { create } from "@bufbuild/protobuf";
import {
  CreateSnapshotResponseSchema,
  type CreateVolumeGroupSnapshotResponse,
  CreateVolumeGroupSnapshotResponseSchema,
  type DeleteVolumeGroupSnapshotResponse,
  DeleteVolumeGroupSnapshotResponseSchema,
  type GetVolumeGroupSnapshotResponse,
} from "@kx/core/contracts/csi";
import { canonical } from "./canonical.ts";
import { creatingJson } from "./compatible.ts";
import { csiError } from "./csi-error.ts";
import { type LockKey, shared } from "./keyed-locks.ts";
import type { Rules, Step } from "./kit.ts";
import { fromStored, toStored } from "./stored-message.ts";
import { requireStored } from "./stored-volume.ts";
import type { JsonRecord, StoredObject } from "./volume-state.ts";

/** How groups of snapshots come and go. */
export const groupRules = {
  createVolumeGroupSnapshot: {
    locks: ({ name, sourceVolumeIds }) => [
      { key: `group name:${name}` },
      ...sourceVolumeIds.map((id) => shared("volume", id)),
    ],
    around: createGroup,
  },
  deleteVolumeGroupSnapshot: {
    locks: ({ groupSnapshotId, snapshotIds }) => [
      { key: `group:${groupSnapshotId}` },
      ...snapshotIds.map((id): LockKey => ({ key: `snapshot:${id}` })),
    ],
    around: deleteGroup,
  },
  getVolumeGroupSnapshot: { around: getGroup },
} satisfies Rules;

async function createGroup(step: Step<"createVolumeGroupSnapshot">): Promise<CreateVolumeGroupSnapshotResponse> {
  const { kit, request, call } = step;
  const { state } = kit;
  if (state === undefined) return await step.handle();
  const existing = await state.findByName("groupSnapshot", request.name);
  if (existing !== undefined) {
    const response = answerExisting(existing, step);
    if (response.groupSnapshot?.readyToUse === true) return response;
    call.stored = existing;
  } else {
    for (const id of request.sourceVolumeIds) {
      if ((await state.get("volume", id)) !== undefined) continue;
      throw csiError("NOT_FOUND", `there is no volume ${JSON.stringify(id)} to take a snapshot of`);
    }
  }
  const response = await step.handle();
  const { groupSnapshotId: id = "", snapshots = [] } = response.groupSnapshot ?? {};
  // The members first: a group that is known is known with all of them.
  for (const snapshot of snapshots) {
    const { snapshotId } = snapshot;
    const member = create(CreateSnapshotResponseSchema, { snapshot: { ...snapshot, groupSnapshotId: id } });
    await state.put({
      kind: "snapshot",
      id: snapshotId,
      name: `${request.name} / ${snapshotId}`,
      response: toStored(CreateSnapshotResponseSchema, member),
    });
  }
  await state.put({
    kind: "groupSnapshot",
    id,
    name: request.name,
    request: call.json,
    response: toStored(CreateVolumeGroupSnapshotResponseSchema, response),
    ...call.dataOf(existing),
  });
  return response;
}

function answerExisting(
  existing: StoredObject,
  { request, call }: Step<"createVolumeGroupSnapshot">,
): CreateVolumeGroupSnapshotResponse {
  const essence = (json: JsonRecord): string => canonical(creatingJson("createVolumeGroupSnapshot", json));
  if (essence(existing.request ?? {}) === essence(call.json)) return groupOf(existing);
  throw csiError(
    "ALREADY_EXISTS",
    `the group ${JSON.stringify(request.name)} exists, of other volumes or with other parameters`,
    { remedy: "use another name" },
  );
}

function groupOf({ response = {} }: StoredObject): CreateVolumeGroupSnapshotResponse {
  return fromStored(CreateVolumeGroupSnapshotResponseSchema, response);
}

async function deleteGroup(step: Step<"deleteVolumeGroupSnapshot">): Promise<DeleteVolumeGroupSnapshotResponse> {
  const { kit, request, call } = step;
  const { groupSnapshotId: id } = request;
  const stored = await kit.state?.get("groupSnapshot", id);
  if (kit.state !== undefined && stored === undefined) return create(DeleteVolumeGroupSnapshotResponseSchema, {});
  const members = stored === undefined ? [] : memberIds(stored);
  if (stored !== undefined) {
    refuseOtherMembers(members, request.snapshotIds);
    call.stored = stored;
  }
  const response = await step.handle();
  for (const member of members) await kit.state?.delete("snapshot", member);
  await kit.state?.delete("groupSnapshot", id);
  return response;
}

async function getGroup(step: Step<"getVolumeGroupSnapshot">): Promise<GetVolumeGroupSnapshotResponse> {
  const { kit, request, call } = step;
  const stored = await requireStored(kit, call, "groupSnapshot", request.groupSnapshotId);
  if (stored !== undefined) refuseOtherMembers(memberIds(stored), request.snapshotIds);
  return await step.handle();
}

function memberIds(stored: StoredObject): readonly string[] {
  return (groupOf(stored).groupSnapshot?.snapshots ?? []).map(({ snapshotId }) => snapshotId);
}

/** Callers may leave the members out. */
function refuseOtherMembers(members: readonly string[], asked: readonly string[]): void {
  const isSame = asked.length === 0 || canonical(members.toSorted()) === canonical(asked.toSorted());
  if (isSame) return;
  throw csiError("INVALID_ARGUMENT", `snapshot_ids are not those of the group: ${members.join(", ")}`);
}
