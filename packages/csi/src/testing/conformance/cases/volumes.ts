import type { ConformanceCase } from "../case.ts";
import { fail, refused, succeeded } from "../failure.ts";
import type { Scope } from "../scope.ts";

const needs = ["controller CREATE_DELETE_VOLUME"] as const;

/** Creates a volume again, with changes, and ends the case unless it is the same. */
async function sameAgain(scope: Scope, more: object, what: string): Promise<void> {
  const request = scope.volumeRequest();
  const first = await scope.volume(request);
  const { volume } = await succeeded(scope.calls.controller.createVolume({ ...request, ...more }), what);
  if (volume?.volumeId !== first.volumeId) fail(`${what} gave the volume ${volume?.volumeId}, not ${first.volumeId}`);
  if (volume.capacityBytes !== first.capacityBytes) {
    fail(`${what} told a size of ${volume.capacityBytes}, not ${first.capacityBytes} bytes`);
  }
}

/** D4: how volumes come and go. */
export const volumeCases: readonly ConformanceCase[] = [
  {
    id: "D4.size",
    title: "a volume has the size asked for, or is larger, and no larger than the limit",
    needs,
    async run({ volume, lab }) {
      const requiredBytes = lab.settings.volumeBytes;
      const limitBytes = requiredBytes * 2n;
      const { capacityBytes } = await volume({ capacityRange: { requiredBytes, limitBytes } });
      if (capacityBytes === 0n) return;
      if (capacityBytes < requiredBytes) fail(`it has ${capacityBytes} bytes, asked for were ${requiredBytes}`);
      if (capacityBytes > limitBytes) fail(`it has ${capacityBytes} bytes, and the limit is ${limitBytes}`);
    },
  },
  {
    id: "D4.range",
    title: "a limit below what is required is refused",
    needs,
    async run({ calls, volumeRequest }) {
      const request = volumeRequest({ capacityRange: { requiredBytes: 2n ** 24n, limitBytes: 2n ** 20n } });
      await refused(calls.controller.createVolume(request), ["OUT_OF_RANGE", "INVALID_ARGUMENT"], "CreateVolume");
    },
  },
  {
    id: "D4.again",
    title: "CreateVolume with the same request gives the same volume",
    needs,
    run: (scope) => sameAgain(scope, {}, "the same CreateVolume again"),
  },
  {
    id: "D4.compatible",
    title: "CreateVolume that asks for less gives the same volume",
    needs,
    run: (scope) => sameAgain(scope, { capacityRange: { requiredBytes: 1n } }, "CreateVolume that asks for less"),
  },
  {
    id: "D4.other-size",
    title: "CreateVolume with the name of a volume that is too small is ALREADY_EXISTS",
    needs,
    async run({ calls, volume, volumeRequest }) {
      const request = volumeRequest();
      const { capacityBytes } = await volume(request);
      const requiredBytes = (capacityBytes || (request.capacityRange?.requiredBytes ?? 1n)) * 4n;
      const larger = calls.controller.createVolume({ ...request, capacityRange: { requiredBytes } });
      await refused(larger, ["ALREADY_EXISTS"], "CreateVolume of another size under the same name");
    },
  },
  {
    id: "D4.apart",
    title: "volumes of two names are two volumes",
    needs,
    async run({ volume }) {
      const [one, other] = [await volume(), await volume()];
      if (one.volumeId === other.volumeId) fail(`both have the id ${one.volumeId}`);
    },
  },
  {
    id: "D4.delete-again",
    title: "DeleteVolume of a volume that is deleted, or never was, succeeds",
    needs,
    async run({ calls, volume, secrets }) {
      const { volumeId } = await volume();
      await succeeded(calls.controller.deleteVolume({ volumeId, secrets }), "DeleteVolume");
      await succeeded(calls.controller.deleteVolume({ volumeId, secrets }), "DeleteVolume again");
      await succeeded(calls.controller.deleteVolume({ volumeId: "kx-never-was", secrets }), "DeleteVolume of none");
    },
  },
  {
    id: "D4.delete",
    title: "a deleted volume is gone",
    needs,
    async run({ calls, volume, capability, secrets }) {
      const { volumeId } = await volume();
      await succeeded(calls.controller.deleteVolume({ volumeId, secrets }), "DeleteVolume");
      const asked = calls.controller.validateVolumeCapabilities({
        volumeId,
        volumeCapabilities: [capability()],
        secrets,
      });
      await refused(asked, ["NOT_FOUND"], "ValidateVolumeCapabilities of a deleted volume");
    },
  },
  {
    id: "D4.validate",
    title: "ValidateVolumeCapabilities confirms the capability that a volume was made with",
    needs,
    async run({ calls, volume, capability, secrets }) {
      const { volumeId, volumeContext } = await volume();
      const request = { volumeId, volumeContext, volumeCapabilities: [capability()], secrets };
      const { confirmed, message } = await succeeded(
        calls.controller.validateVolumeCapabilities(request),
        "ValidateVolumeCapabilities",
      );
      if (confirmed?.volumeCapabilities.length !== 1) fail(`it is not confirmed: ${message || "no message"}`);
    },
  },
  {
    id: "D4.capacity",
    title: "GetCapacity tells what is free, and not less than nothing",
    needs: ["controller GET_CAPACITY"],
    async run({ calls }) {
      const { availableCapacity } = await succeeded(calls.controller.getCapacity({}), "GetCapacity");
      if (availableCapacity < 0n) fail(`there are ${availableCapacity} bytes`);
    },
  },
  {
    id: "D4.get",
    title: "ControllerGetVolume tells of a volume, and NOT_FOUND of none",
    needs: ["controller CREATE_DELETE_VOLUME", "controller GET_VOLUME"],
    async run({ calls, volume }) {
      const { volumeId, capacityBytes } = await volume();
      const got = await succeeded(calls.controller.controllerGetVolume({ volumeId }), "ControllerGetVolume");
      if (got.volume?.volumeId !== volumeId) fail(`asked for ${volumeId}, it told of ${got.volume?.volumeId}`);
      if (got.volume.capacityBytes !== capacityBytes) fail(`it tells another size: ${got.volume.capacityBytes} bytes`);
      const none = calls.controller.controllerGetVolume({ volumeId: "kx-never-was" });
      await refused(none, ["NOT_FOUND"], "ControllerGetVolume of none");
    },
  },
];
