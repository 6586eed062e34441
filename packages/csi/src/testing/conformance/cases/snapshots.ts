import type { ConformanceCase } from "../case.ts";
import { fail, refused, succeeded } from "../failure.ts";

const needs = ["controller CREATE_DELETE_VOLUME", "controller CREATE_DELETE_SNAPSHOT"] as const;

/** D9: snapshots. */
export const snapshotCases: readonly ConformanceCase[] = [
  {
    id: "D9.create",
    title: "a snapshot tells its source and when it was taken",
    needs,
    async run({ volume, snapshot }) {
      const { volumeId } = await volume();
      const { sourceVolumeId, creationTime } = await snapshot(volumeId);
      if (sourceVolumeId !== volumeId) fail(`its source_volume_id is ${sourceVolumeId}, not ${volumeId}`);
      if (creationTime === undefined || creationTime.seconds === 0n) fail("it has no creation_time");
    },
  },
  {
    id: "D9.again",
    title: "CreateSnapshot with the same request gives the same snapshot",
    needs,
    async run({ volume, snapshot, name }) {
      const { volumeId } = await volume();
      const common = name();
      const [first, again] = [await snapshot(volumeId, common), await snapshot(volumeId, common)];
      if (first.snapshotId !== again.snapshotId) fail(`it gave ${again.snapshotId}, not ${first.snapshotId}`);
    },
  },
  {
    id: "D9.other-source",
    title: "CreateSnapshot of another volume under the same name is ALREADY_EXISTS",
    needs,
    async run({ calls, volume, snapshot, name, secrets }) {
      const [one, other] = [await volume(), await volume()];
      const common = name();
      await snapshot(one.volumeId, common);
      const call = calls.controller.createSnapshot({ name: common, sourceVolumeId: other.volumeId, secrets });
      await refused(call, ["ALREADY_EXISTS"], "CreateSnapshot of another volume under the same name");
    },
  },
  {
    id: "D9.no-source",
    title: "CreateSnapshot of a volume that is not there is NOT_FOUND",
    needs,
    async run({ calls, name, secrets }) {
      const call = calls.controller.createSnapshot({ name: name(), sourceVolumeId: "kx-never-was", secrets });
      await refused(call, ["NOT_FOUND"], "CreateSnapshot of no volume");
    },
  },
  {
    id: "D9.delete-again",
    title: "DeleteSnapshot of a snapshot that is deleted, or never was, succeeds",
    needs,
    async run({ calls, volume, snapshot, secrets }) {
      const { snapshotId } = await snapshot((await volume()).volumeId);
      await succeeded(calls.controller.deleteSnapshot({ snapshotId, secrets }), "DeleteSnapshot");
      await succeeded(calls.controller.deleteSnapshot({ snapshotId, secrets }), "DeleteSnapshot again");
      await succeeded(
        calls.controller.deleteSnapshot({ snapshotId: "kx-never-was", secrets }),
        "DeleteSnapshot of none",
      );
    },
  },
  {
    id: "D9.get",
    title: "GetSnapshot tells of a snapshot, and NOT_FOUND of none",
    needs: [...needs, "controller GET_SNAPSHOT"],
    async run({ calls, volume, snapshot, secrets }) {
      const { snapshotId } = await snapshot((await volume()).volumeId);
      const got = await succeeded(calls.controller.getSnapshot({ snapshotId, secrets }), "GetSnapshot");
      if (got.snapshot?.snapshotId !== snapshotId)
        fail(`asked for ${snapshotId}, it told of ${got.snapshot?.snapshotId}`);
      const none = calls.controller.getSnapshot({ snapshotId: "kx-never-was", secrets });
      await refused(none, ["NOT_FOUND"], "GetSnapshot of none");
    },
  },
];
