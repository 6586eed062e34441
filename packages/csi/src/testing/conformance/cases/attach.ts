import type { ConformanceCase } from "../case.ts";
import { fail, refused, succeeded } from "../failure.ts";
import type { Scope } from "../scope.ts";

const needs = ["controller CREATE_DELETE_VOLUME", "controller PUBLISH_UNPUBLISH_VOLUME", "node"] as const;

async function attached(scope: Scope) {
  const { calls, co, secrets, capability } = scope;
  const { volumeId, volumeContext } = await scope.volume();
  const where = { volumeId, nodeId: await co.nodeId(), secrets };
  const request = { ...where, volumeContext, volumeCapability: capability() };
  const { publishContext } = await succeeded(
    calls.controller.controllerPublishVolume(request),
    "ControllerPublishVolume",
  );
  scope.after(() => calls.controller.controllerUnpublishVolume(where));
  return { where, request, publishContext };
}

/** D12: volumes come to nodes. */
export const attachCases: readonly ConformanceCase[] = [
  {
    id: "D12.again",
    title: "ControllerPublishVolume with the same request gives the same context",
    needs,
    async run(scope) {
      const { request, publishContext } = await attached(scope);
      const again = await succeeded(
        scope.calls.controller.controllerPublishVolume(request),
        "ControllerPublishVolume again",
      );
      const [then, now] = [publishContext, again.publishContext].map((one) =>
        JSON.stringify(Object.entries(one).toSorted(([a], [b]) => (a < b ? -1 : 1))),
      );
      if (then !== now) fail(`it gave ${now}, not ${then}`);
    },
  },
  {
    id: "D12.other-readonly",
    title: "ControllerPublishVolume of an attached volume, now read-only, is ALREADY_EXISTS",
    needs: [...needs, "controller PUBLISH_READONLY"],
    async run(scope) {
      const { request } = await attached(scope);
      const call = scope.calls.controller.controllerPublishVolume({ ...request, readonly: true });
      await refused(call, ["ALREADY_EXISTS"], "ControllerPublishVolume read-only of what is attached to be written");
    },
  },
  {
    id: "D12.no-volume",
    title: "ControllerPublishVolume of a volume that is not there is NOT_FOUND",
    needs,
    async run({ calls, co, capability, secrets }) {
      const request = { volumeId: "kx-never-was", nodeId: await co.nodeId(), volumeCapability: capability(), secrets };
      await refused(
        calls.controller.controllerPublishVolume(request),
        ["NOT_FOUND"],
        "ControllerPublishVolume of none",
      );
    },
  },
  {
    id: "D12.no-node",
    title: "ControllerPublishVolume to a node that is not there is NOT_FOUND",
    needs,
    async run({ calls, volume, capability, secrets }) {
      const { volumeId } = await volume();
      const request = { volumeId, nodeId: "kx-no-such-node", volumeCapability: capability(), secrets };
      await refused(
        calls.controller.controllerPublishVolume(request),
        ["NOT_FOUND"],
        "ControllerPublishVolume to none",
      );
    },
  },
  {
    id: "D12.detach-again",
    title: "ControllerUnpublishVolume of what is detached succeeds",
    needs,
    async run(scope) {
      const { where } = await attached(scope);
      const { controller } = scope.calls;
      await succeeded(controller.controllerUnpublishVolume(where), "ControllerUnpublishVolume");
      await succeeded(controller.controllerUnpublishVolume(where), "ControllerUnpublishVolume again");
    },
  },
  {
    id: "D12.delete",
    title: "DeleteVolume of an attached volume is FAILED_PRECONDITION",
    needs,
    async run(scope) {
      const { where } = await attached(scope);
      const call = scope.calls.controller.deleteVolume({ volumeId: where.volumeId, secrets: scope.secrets });
      await refused(call, ["FAILED_PRECONDITION"], "DeleteVolume of an attached volume");
    },
  },
];
