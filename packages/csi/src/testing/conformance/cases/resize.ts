import { notApplicable } from "@kx/core/testing";
import type { ConformanceCase } from "../case.ts";
import { fail, refused, succeeded } from "../failure.ts";

const needs = ["controller CREATE_DELETE_VOLUME", "controller EXPAND_VOLUME"] as const;
const modifyNeeds = ["controller CREATE_DELETE_VOLUME", "controller MODIFY_VOLUME"] as const;

/** D11: volumes grow and change. */
export const resizeCases: readonly ConformanceCase[] = [
  {
    id: "D11.expand",
    title: "ControllerExpandVolume makes a volume as large as asked for, and the same call again succeeds",
    needs,
    async run({ calls, volume, capability, secrets, lab }) {
      const { volumeId } = await volume();
      const requiredBytes = lab.settings.volumeBytes * 2n;
      const request = { volumeId, capacityRange: { requiredBytes }, volumeCapability: capability(), secrets };
      for (const what of ["ControllerExpandVolume", "ControllerExpandVolume again"]) {
        const { capacityBytes } = await succeeded(calls.controller.controllerExpandVolume(request), what);
        if (capacityBytes < requiredBytes) fail(`${what} told ${capacityBytes} bytes, asked for were ${requiredBytes}`);
      }
    },
  },
  {
    id: "D11.smaller",
    title: "ControllerExpandVolume to less than the volume has succeeds, and takes nothing away",
    needs,
    async run({ calls, volume, capability, secrets }) {
      const { volumeId, capacityBytes: before } = await volume();
      const request = { volumeId, capacityRange: { requiredBytes: 1n }, volumeCapability: capability(), secrets };
      const { capacityBytes } = await succeeded(
        calls.controller.controllerExpandVolume(request),
        "ControllerExpandVolume",
      );
      if (capacityBytes < before) fail(`it told ${capacityBytes} bytes, and the volume had ${before}`);
    },
  },
  {
    id: "D11.no-volume",
    title: "ControllerExpandVolume of a volume that is not there is NOT_FOUND",
    needs,
    async run({ calls, capability, secrets, lab }) {
      const capacityRange = { requiredBytes: lab.settings.volumeBytes };
      const request = { volumeId: "kx-never-was", capacityRange, volumeCapability: capability(), secrets };
      await refused(calls.controller.controllerExpandVolume(request), ["NOT_FOUND"], "ControllerExpandVolume of none");
    },
  },
  {
    id: "D11.modify",
    title: "ControllerModifyVolume takes the mutable parameters, also again",
    needs: modifyNeeds,
    async run({ calls, volume, secrets, lab }) {
      const mutableParameters = lab.options.mutableParameters ?? notApplicable("no mutable parameters are known");
      const { volumeId } = await volume();
      const request = { volumeId, mutableParameters, secrets };
      await succeeded(calls.controller.controllerModifyVolume(request), "ControllerModifyVolume");
      await succeeded(calls.controller.controllerModifyVolume(request), "ControllerModifyVolume again");
    },
  },
  {
    id: "D11.modify-unknown",
    title: "ControllerModifyVolume with a parameter that there is not is INVALID_ARGUMENT",
    needs: modifyNeeds,
    async run({ calls, volume, secrets }) {
      const { volumeId } = await volume();
      const request = { volumeId, mutableParameters: { "kx-no-such-parameter": "1" }, secrets };
      await refused(calls.controller.controllerModifyVolume(request), ["INVALID_ARGUMENT"], "ControllerModifyVolume");
    },
  },
  {
    id: "D11.modify-no-volume",
    title: "ControllerModifyVolume of a volume that is not there is NOT_FOUND",
    needs: modifyNeeds,
    async run({ calls, secrets, lab }) {
      const mutableParameters = lab.options.mutableParameters ?? notApplicable("no mutable parameters are known");
      const call = calls.controller.controllerModifyVolume({ volumeId: "kx-never-was", mutableParameters, secrets });
      await refused(call, ["NOT_FOUND"], "ControllerModifyVolume of none");
    },
  },
];
