import type { Capability } from "../../read-capabilities.ts";
import type { ConformanceCase } from "../case.ts";
import { fail, failureOf } from "../failure.ts";
import type { Scope } from "../scope.ts";

interface Gated {
  readonly rpc: string;
  readonly by: Capability;
  /** Calls it with nothing, or with what a driver could work with. */
  readonly call: (scope: Scope, request: object) => Promise<unknown>;
  readonly request: (scope: Scope) => object;
}

const volumeId = "kx-no-such-volume";
const nodeId = "kx-no-such-node";
const snapshotId = "kx-no-such-snapshot";
const path = "/run/kx-no-such-folder";
const use = ({ capability }: Scope) => ({ volumeId, volumeCapability: capability() });

const gated: readonly Gated[] = [
  {
    rpc: "CreateVolume",
    by: "controller CREATE_DELETE_VOLUME",
    call: ({ calls }, r) => calls.controller.createVolume(r),
    request: (s) => s.volumeRequest(),
  },
  {
    rpc: "DeleteVolume",
    by: "controller CREATE_DELETE_VOLUME",
    call: ({ calls }, r) => calls.controller.deleteVolume(r),
    request: () => ({ volumeId }),
  },
  {
    rpc: "ControllerPublishVolume",
    by: "controller PUBLISH_UNPUBLISH_VOLUME",
    call: ({ calls }, r) => calls.controller.controllerPublishVolume(r),
    request: (s) => ({ ...use(s), nodeId }),
  },
  {
    rpc: "ControllerUnpublishVolume",
    by: "controller PUBLISH_UNPUBLISH_VOLUME",
    call: ({ calls }, r) => calls.controller.controllerUnpublishVolume(r),
    request: () => ({ volumeId, nodeId }),
  },
  {
    rpc: "ListVolumes",
    by: "controller LIST_VOLUMES",
    call: ({ calls }, r) => calls.controller.listVolumes(r),
    request: () => ({}),
  },
  {
    rpc: "GetCapacity",
    by: "controller GET_CAPACITY",
    call: ({ calls }, r) => calls.controller.getCapacity(r),
    request: () => ({}),
  },
  {
    rpc: "CreateSnapshot",
    by: "controller CREATE_DELETE_SNAPSHOT",
    call: ({ calls }, r) => calls.controller.createSnapshot(r),
    request: (s) => ({ name: s.name(), sourceVolumeId: volumeId }),
  },
  {
    rpc: "DeleteSnapshot",
    by: "controller CREATE_DELETE_SNAPSHOT",
    call: ({ calls }, r) => calls.controller.deleteSnapshot(r),
    request: () => ({ snapshotId }),
  },
  {
    rpc: "ListSnapshots",
    by: "controller LIST_SNAPSHOTS",
    call: ({ calls }, r) => calls.controller.listSnapshots(r),
    request: () => ({}),
  },
  {
    rpc: "GetSnapshot",
    by: "controller GET_SNAPSHOT",
    call: ({ calls }, r) => calls.controller.getSnapshot(r),
    request: () => ({ snapshotId }),
  },
  {
    rpc: "ControllerExpandVolume",
    by: "controller EXPAND_VOLUME",
    call: ({ calls }, r) => calls.controller.controllerExpandVolume(r),
    request: () => ({ volumeId, capacityRange: { requiredBytes: 1n } }),
  },
  {
    rpc: "ControllerModifyVolume",
    by: "controller MODIFY_VOLUME",
    call: ({ calls }, r) => calls.controller.controllerModifyVolume(r),
    request: () => ({ volumeId, mutableParameters: { kx: "1" } }),
  },
  {
    rpc: "ControllerGetVolume",
    by: "controller GET_VOLUME",
    call: ({ calls }, r) => calls.controller.controllerGetVolume(r),
    request: () => ({ volumeId }),
  },
  {
    rpc: "ControllerGetVolumeHealth",
    by: "controller GET_VOLUME_HEALTH",
    call: ({ calls }, r) => calls.controller.controllerGetVolumeHealth(r),
    request: () => ({ volumeId }),
  },
  {
    rpc: "ControllerListVolumeHealth",
    by: "controller LIST_VOLUME_HEALTH",
    call: ({ calls }, r) => calls.controller.controllerListVolumeHealth(r),
    request: () => ({}),
  },
  {
    rpc: "CreateVolumeGroupSnapshot",
    by: "group CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT",
    call: ({ calls }, r) => calls.groupController.createVolumeGroupSnapshot(r),
    request: (s) => ({ name: s.name(), sourceVolumeIds: [volumeId] }),
  },
  {
    rpc: "GetVolumeGroupSnapshot",
    by: "group CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT",
    call: ({ calls }, r) => calls.groupController.getVolumeGroupSnapshot(r),
    request: () => ({ groupSnapshotId: snapshotId }),
  },
  {
    rpc: "NodeStageVolume",
    by: "node STAGE_UNSTAGE_VOLUME",
    call: ({ calls }, r) => calls.node.nodeStageVolume(r),
    request: (s) => ({ ...use(s), stagingTargetPath: path }),
  },
  {
    rpc: "NodeUnstageVolume",
    by: "node STAGE_UNSTAGE_VOLUME",
    call: ({ calls }, r) => calls.node.nodeUnstageVolume(r),
    request: () => ({ volumeId, stagingTargetPath: path }),
  },
  {
    rpc: "NodeGetVolumeStats",
    by: "node GET_VOLUME_STATS",
    call: ({ calls }, r) => calls.node.nodeGetVolumeStats(r),
    request: () => ({ volumeId, volumePath: path }),
  },
  {
    rpc: "NodeExpandVolume",
    by: "node EXPAND_VOLUME",
    call: ({ calls }, r) => calls.node.nodeExpandVolume(r),
    request: () => ({ volumeId, volumePath: path }),
  },
  {
    rpc: "NodeGetVolumeHealth",
    by: "node GET_VOLUME_HEALTH",
    call: ({ calls }, r) => calls.node.nodeGetVolumeHealth(r),
    request: () => ({ volumeId, volumePath: path }),
  },
  {
    rpc: "NodeGetStorageHealth",
    by: "node GET_STORAGE_HEALTH",
    call: ({ calls }, r) => calls.node.nodeGetStorageHealth(r),
    request: () => ({}),
  },
];

/** Capabilities that say nothing without another one. */
const together: readonly (readonly [Capability, readonly Capability[]])[] = [
  ["controller CREATE_DELETE_VOLUME", ["plugin CONTROLLER_SERVICE"]],
  ["controller CLONE_VOLUME", ["controller CREATE_DELETE_VOLUME"]],
  ["controller PUBLISH_READONLY", ["controller PUBLISH_UNPUBLISH_VOLUME"]],
  ["controller LIST_VOLUMES_PUBLISHED_NODES", ["controller LIST_VOLUMES", "controller PUBLISH_UNPUBLISH_VOLUME"]],
  ["plugin GROUP_CONTROLLER_SERVICE", ["group CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT"]],
  ["group CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT", ["controller CREATE_DELETE_SNAPSHOT"]],
];

/** D2: the driver has what it says, and no more. */
export const capabilityCases: readonly ConformanceCase[] = [
  {
    id: "D2.told",
    title: "every call that the driver says it has is served",
    needs: [],
    async run(scope) {
      for (const { rpc, by, call } of gated.filter(({ by: capability }) => scope.has(capability))) {
        const failure = await failureOf(call(scope, {}));
        if (failure?.status === "UNIMPLEMENTED") fail(`${rpc} is not implemented, though the driver has ${by}`);
      }
    },
  },
  {
    id: "D2.not-told",
    title: "every call that the driver does not say it has is UNIMPLEMENTED",
    needs: [],
    async run(scope) {
      for (const { rpc, by, call, request } of gated.filter(({ by: capability }) => !scope.has(capability))) {
        const failure = await failureOf(call(scope, request(scope)));
        if (failure?.status === "UNIMPLEMENTED") continue;
        fail(
          `${rpc} ${failure === undefined ? "succeeded" : `failed with ${failure.status}`}, though the driver lacks ${by}`,
        );
      }
    },
  },
  {
    id: "D2.together",
    title: "capabilities that need each other are told together",
    needs: [],
    async run({ has }) {
      for (const [one, others] of together) {
        const missing = others.filter((other) => !has(other));
        if (has(one) && missing.length > 0) fail(`the driver has ${one} without ${missing.join(" and ")}`);
      }
    },
  },
];
