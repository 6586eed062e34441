import type { ConformanceCase } from "../case.ts";
import { fail, refused, succeeded } from "../failure.ts";
import type { Scope } from "../scope.ts";

const needs = ["controller CREATE_DELETE_VOLUME", "group CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT"] as const;

async function group({ calls, secrets, after }: Scope, name: string, sourceVolumeIds: readonly string[]) {
  const request = { name, sourceVolumeIds: [...sourceVolumeIds], secrets };
  const call = calls.groupController.createVolumeGroupSnapshot(request);
  const { groupSnapshot } = await succeeded(call, "CreateVolumeGroupSnapshot");
  if (groupSnapshot === undefined) return fail("CreateVolumeGroupSnapshot answered without a group");
  const { groupSnapshotId, snapshots } = groupSnapshot;
  const snapshotIds = snapshots.map(({ snapshotId }) => snapshotId);
  after(() => calls.groupController.deleteVolumeGroupSnapshot({ groupSnapshotId, snapshotIds, secrets }));
  return { groupSnapshotId, snapshots, snapshotIds };
}

const two = async ({ volume }: Scope) => [(await volume()).volumeId, (await volume()).volumeId] as const;
const sorted = (ids: readonly string[]) => ids.toSorted().join(", ");

/** D10: group snapshots. */
export const groupCases: readonly ConformanceCase[] = [
  {
    id: "D10.create",
    title: "a group has one snapshot of each of its volumes, which name the group",
    needs,
    async run(scope) {
      const sources = await two(scope);
      const { groupSnapshotId, snapshots } = await group(scope, scope.name(), sources);
      if (groupSnapshotId === "") fail("it has no group_snapshot_id");
      const found = sorted(snapshots.map(({ sourceVolumeId }) => sourceVolumeId));
      if (found !== sorted(sources)) fail(`its snapshots are of ${found || "nothing"}, not of ${sorted(sources)}`);
      const stray = snapshots.find((one) => one.groupSnapshotId !== groupSnapshotId);
      if (stray !== undefined) fail(`the snapshot ${stray.snapshotId} names the group ${stray.groupSnapshotId}`);
    },
  },
  {
    id: "D10.again",
    title: "CreateVolumeGroupSnapshot with the same request gives the same group",
    needs,
    async run(scope) {
      const sources = await two(scope);
      const name = scope.name();
      const [first, again] = [await group(scope, name, sources), await group(scope, name, sources)];
      if (first.groupSnapshotId !== again.groupSnapshotId) fail("it gave another group");
      if (sorted(first.snapshotIds) !== sorted(again.snapshotIds)) fail("it gave other snapshots");
    },
  },
  {
    id: "D10.other-sources",
    title: "CreateVolumeGroupSnapshot of other volumes under the same name is ALREADY_EXISTS",
    needs,
    async run(scope) {
      const [one, other] = await two(scope);
      const name = scope.name();
      await group(scope, name, [one]);
      const request = { name, sourceVolumeIds: [other], secrets: scope.secrets };
      const call = scope.calls.groupController.createVolumeGroupSnapshot(request);
      await refused(call, ["ALREADY_EXISTS"], "a group of other volumes under the same name");
    },
  },
  {
    id: "D10.get",
    title: "GetVolumeGroupSnapshot tells of a group, and NOT_FOUND of none",
    needs,
    async run(scope) {
      const { groupSnapshotId, snapshotIds } = await group(scope, scope.name(), await two(scope));
      const request = { groupSnapshotId, snapshotIds, secrets: scope.secrets };
      const call = scope.calls.groupController.getVolumeGroupSnapshot(request);
      const got = (await succeeded(call, "GetVolumeGroupSnapshot")).groupSnapshot;
      if (got?.groupSnapshotId !== groupSnapshotId)
        fail(`asked for ${groupSnapshotId}, it told of ${got?.groupSnapshotId}`);
      const found = sorted(got.snapshots.map(({ snapshotId }) => snapshotId));
      if (found !== sorted(snapshotIds)) fail(`it tells the snapshots ${found}, not ${sorted(snapshotIds)}`);
      const none = scope.calls.groupController.getVolumeGroupSnapshot({ groupSnapshotId: "kx-never-was" });
      await refused(none, ["NOT_FOUND"], "GetVolumeGroupSnapshot of none");
    },
  },
  {
    id: "D10.delete-again",
    title: "DeleteVolumeGroupSnapshot of a group that is deleted, or never was, succeeds",
    needs,
    async run(scope) {
      const { groupSnapshotId, snapshotIds } = await group(scope, scope.name(), await two(scope));
      const remove = (id: string, ids: readonly string[], what: string) => {
        const request = { groupSnapshotId: id, snapshotIds: [...ids], secrets: scope.secrets };
        return succeeded(scope.calls.groupController.deleteVolumeGroupSnapshot(request), what);
      };
      await remove(groupSnapshotId, snapshotIds, "DeleteVolumeGroupSnapshot");
      await remove(groupSnapshotId, snapshotIds, "DeleteVolumeGroupSnapshot again");
      await remove("kx-never-was", [], "DeleteVolumeGroupSnapshot of none");
    },
  },
];
