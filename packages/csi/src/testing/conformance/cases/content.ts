import type { ConformanceCase } from "../case.ts";
import { fail, refused, succeeded } from "../failure.ts";
import type { Scope } from "../scope.ts";

const restores = ["controller CREATE_DELETE_VOLUME", "controller CREATE_DELETE_SNAPSHOT"] as const;
const clones = ["controller CREATE_DELETE_VOLUME", "controller CLONE_VOLUME"] as const;
const fromSnapshot = (snapshotId: string) =>
  ({ volumeContentSource: { type: { case: "snapshot", value: { snapshotId } } } }) as const;
const fromVolume = (volumeId: string) =>
  ({ volumeContentSource: { type: { case: "volume", value: { volumeId } } } }) as const;

type Source = ReturnType<typeof fromSnapshot> | ReturnType<typeof fromVolume>;

async function madeOf(scope: Scope, source: Source): Promise<void> {
  const request = scope.volumeRequest(source);
  const made = await scope.volume(request);
  const { type } = source.volumeContentSource;
  if (made.contentSource?.type.case !== type.case) fail("the volume's content_source does not tell its source");
  const { volume } = await succeeded(scope.calls.controller.createVolume(request), "the same CreateVolume again");
  if (volume?.volumeId !== made.volumeId) fail("the same CreateVolume again gave another volume");
}

/** D5: volumes that are filled. */
export const contentCases: readonly ConformanceCase[] = [
  {
    id: "D5.restore",
    title: "a volume is made of a snapshot, and again it is the same",
    needs: restores,
    async run(scope) {
      const { volumeId } = await scope.volume();
      const { snapshotId } = await scope.snapshot(volumeId);
      await madeOf(scope, fromSnapshot(snapshotId));
    },
  },
  {
    id: "D5.other-snapshot",
    title: "CreateVolume under the same name of another snapshot is ALREADY_EXISTS",
    needs: restores,
    async run(scope) {
      const { volumeId } = await scope.volume();
      const [one, other] = [await scope.snapshot(volumeId), await scope.snapshot(volumeId)];
      const request = scope.volumeRequest(fromSnapshot(one.snapshotId));
      await scope.volume(request);
      const again = scope.calls.controller.createVolume({ ...request, ...fromSnapshot(other.snapshotId) });
      await refused(again, ["ALREADY_EXISTS"], "CreateVolume of another snapshot under the same name");
    },
  },
  {
    id: "D5.no-snapshot",
    title: "CreateVolume of a snapshot that is not there is NOT_FOUND",
    needs: restores,
    async run({ calls, volumeRequest }) {
      const call = calls.controller.createVolume(volumeRequest(fromSnapshot("kx-never-was")));
      await refused(call, ["NOT_FOUND"], "CreateVolume of no snapshot");
    },
  },
  {
    id: "D5.clone",
    title: "a volume is made of another, and again it is the same",
    needs: clones,
    run: async (scope) => madeOf(scope, fromVolume((await scope.volume()).volumeId)),
  },
  {
    id: "D5.no-volume",
    title: "CreateVolume of a volume that is not there is NOT_FOUND",
    needs: clones,
    async run({ calls, volumeRequest }) {
      const call = calls.controller.createVolume(volumeRequest(fromVolume("kx-never-was")));
      await refused(call, ["NOT_FOUND"], "CreateVolume of no volume");
    },
  },
];
