import { notApplicable } from "@kx/core/testing";
import type { ConformanceCase } from "../case.ts";
import { fail, failureOf, refused, succeeded } from "../failure.ts";
import { faultsOf, killDuring, restart } from "../faults.ts";
import type { Scope } from "../scope.ts";

const volumes = ["controller CREATE_DELETE_VOLUME"] as const;
const snapshots = ["controller CREATE_DELETE_VOLUME", "controller CREATE_DELETE_SNAPSHOT"] as const;

/** Creates a volume until that succeeds, and once more; ends the case unless there is one volume of it. */
async function oneVolume(scope: Scope, request: ReturnType<Scope["volumeRequest"]>, what: string): Promise<string> {
  const create = async (times: string) => {
    const { volume } = await succeeded(scope.calls.controller.createVolume(request), `CreateVolume ${what}${times}`);
    const { volumeId = "" } = volume ?? {};
    scope.forgetLater("volume", volumeId);
    return volumeId;
  };
  const [first, second] = [await create(""), await create(", once more")];
  if (first !== second) fail(`CreateVolume ${what} gave the volumes ${first} and ${second}`);
  if (!scope.has("controller LIST_VOLUMES")) return first;
  const { entries } = await succeeded(scope.calls.controller.listVolumes({}), "ListVolumes");
  const times = entries.filter(({ volume }) => volume?.volumeId === first).length;
  if (times !== 1) fail(`ListVolumes ${what} has the volume ${times} times`);
  return first;
}

/** How often callers give up before they wait. */
const givenUp = 5;

/** D16: what outlives the driver's end, its storage's and its callers' impatience. */
export const faultCases: readonly ConformanceCase[] = [
  {
    id: "D16.gave-up",
    title: "CreateVolume whose caller gave up is finished, and its retry gives one volume",
    needs: volumes,
    async run(scope) {
      const request = scope.volumeRequest();
      await using _ = await scope.lab.options.faults?.slow?.();
      for (let timeoutMs = 1; timeoutMs <= givenUp; timeoutMs++) {
        const failure = await failureOf(scope.calls.controller.createVolume(request, { timeoutMs }));
        const isOver = failure === undefined || ["DEADLINE_EXCEEDED", "ABORTED"].includes(failure.status);
        if (!isOver) fail(`CreateVolume again failed with ${failure.status}: ${failure.message}`);
      }
      // While the first call is at work, others may be told to wait.
      for (let tries = 0; tries < 100; tries++) {
        if ((await failureOf(scope.calls.controller.createVolume(request)))?.status !== "ABORTED") break;
        await new Promise((resolve) => void setTimeout(resolve, 100));
      }
      await oneVolume(scope, request, "after its caller gave up");
    },
  },
  {
    id: "D16.remember",
    title: "a driver that was killed knows its volumes: the same request gives the same, another one is ALREADY_EXISTS",
    needs: volumes,
    needsFaults: true,
    async run(scope) {
      const request = scope.volumeRequest();
      const { volumeId, capacityBytes } = await scope.volume(request);
      await restart(scope);
      const again = await oneVolume(scope, request, "after a restart");
      if (again !== volumeId) fail(`after a restart the same CreateVolume gave ${again}, not ${volumeId}`);
      const requiredBytes = (capacityBytes || (request.capacityRange?.requiredBytes ?? 1n)) * 4n;
      const other = scope.calls.controller.createVolume({ ...request, capacityRange: { requiredBytes } });
      await refused(other, ["ALREADY_EXISTS"], "after a restart CreateVolume of another size under the same name");
    },
  },
  {
    id: "D16.kill-create",
    title: "CreateVolume in which the driver is killed leaves no half volume: its retry gives one",
    needs: volumes,
    needsFaults: true,
    async run(scope) {
      const requests = new Map<number, ReturnType<Scope["volumeRequest"]>>();
      const requestOf = (round: number) => {
        const request = requests.get(round) ?? scope.volumeRequest();
        requests.set(round, request);
        return request;
      };
      await killDuring(
        scope,
        (round) => scope.calls.controller.createVolume(requestOf(round)),
        async (round) => void (await oneVolume(scope, requestOf(round), "after the driver was killed in it")),
      );
    },
  },
  {
    id: "D16.kill-delete",
    title: "DeleteVolume in which the driver is killed succeeds again, and the volume is gone",
    needs: volumes,
    needsFaults: true,
    async run(scope) {
      const { calls, secrets, capability } = scope;
      let volumeId = (await scope.volume()).volumeId;
      await killDuring(
        scope,
        () => calls.controller.deleteVolume({ volumeId, secrets }),
        async () => {
          await succeeded(calls.controller.deleteVolume({ volumeId, secrets }), "DeleteVolume after a restart");
          const asked = { volumeId, volumeCapabilities: [capability()], secrets };
          await refused(
            calls.controller.validateVolumeCapabilities(asked),
            ["NOT_FOUND"],
            "asking for a deleted volume",
          );
          volumeId = (await scope.volume()).volumeId;
        },
      );
    },
  },
  {
    id: "D16.kill-snapshot",
    title: "CreateSnapshot in which the driver is killed leaves no half snapshot: its retry gives one",
    needs: snapshots,
    needsFaults: true,
    async run(scope) {
      const { volumeId } = await scope.volume();
      const names = [scope.name()];
      const take = (name = "") =>
        scope.calls.controller.createSnapshot({
          name,
          sourceVolumeId: volumeId,
          secrets: scope.secrets,
          parameters: { ...scope.lab.options.snapshotParameters },
        });
      await killDuring(
        scope,
        () => take(names.at(-1)),
        async () => {
          const [one, other] = [
            await scope.snapshot(volumeId, names.at(-1)),
            await scope.snapshot(volumeId, names.at(-1)),
          ];
          if (one.snapshotId !== other.snapshotId) {
            fail(`after a restart CreateSnapshot gave the snapshots ${one.snapshotId} and ${other.snapshotId}`);
          }
          names.push(scope.name());
        },
      );
    },
  },
  {
    id: "D16.kill-published",
    title: "a published volume outlives the driver: NodePublishVolume succeeds again, and so does its end",
    needs: ["controller CREATE_DELETE_VOLUME", "node"],
    needsFaults: true,
    isMounting: true,
    async run(scope) {
      const volume = await scope.volume();
      const use = await scope.use(volume);
      const { targetPath, stagingTargetPath, publishContext } = use;
      await restart(scope);
      const { volumeId, volumeContext } = volume;
      const again = scope.calls.node.nodePublishVolume({
        volumeId,
        volumeContext,
        targetPath,
        stagingTargetPath,
        publishContext,
        secrets: scope.secrets,
        volumeCapability: scope.capability(),
      });
      await succeeded(again, "NodePublishVolume after a restart");
      await succeeded(use.end(), "ending the use of a volume after a restart");
    },
  },
  {
    id: "D16.full",
    title: "CreateVolume without room is RESOURCE_EXHAUSTED, and succeeds when there is some",
    needs: volumes,
    needsFaults: true,
    async run(scope) {
      const { fill } = faultsOf(scope);
      if (fill === undefined) return notApplicable("there is no handle that fills the driver's storage");
      const request = scope.volumeRequest();
      {
        await using _ = await fill();
        await refused(
          scope.calls.controller.createVolume(request),
          ["RESOURCE_EXHAUSTED", "OUT_OF_RANGE"],
          "CreateVolume without room",
        );
      }
      await oneVolume(scope, request, "when there is room again");
    },
  },
];
