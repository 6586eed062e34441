import type { ConformanceCase } from "../case.ts";
import { refused, succeeded } from "../failure.ts";

/** D15: the health of volumes. */
export const healthCases: readonly ConformanceCase[] = [
  {
    id: "D15.volume",
    title: "ControllerGetVolumeHealth tells of a volume, and NOT_FOUND of none",
    needs: ["controller CREATE_DELETE_VOLUME", "controller GET_VOLUME_HEALTH"],
    async run({ calls, volume }) {
      const { volumeId } = await volume();
      await succeeded(calls.controller.controllerGetVolumeHealth({ volumeId }), "ControllerGetVolumeHealth");
      const none = calls.controller.controllerGetVolumeHealth({ volumeId: "kx-never-was" });
      await refused(none, ["NOT_FOUND"], "ControllerGetVolumeHealth of none");
    },
  },
  {
    id: "D15.list-token",
    title: "ControllerListVolumeHealth is served, and with a token that was never given is ABORTED",
    needs: ["controller LIST_VOLUME_HEALTH"],
    async run({ calls }) {
      await succeeded(calls.controller.controllerListVolumeHealth({}), "ControllerListVolumeHealth");
      const call = calls.controller.controllerListVolumeHealth({ startingToken: "kx-no-such-token" });
      await refused(call, ["ABORTED"], "ControllerListVolumeHealth with a token that was never given");
    },
  },
];
