import { Controller, GroupController, Identity, Node, SnapshotMetadata } from "@kx/core/contracts/csi";
import { createGrpcClient } from "@kx/core/grpc";
import { AccessMode } from "@kx/csi";

/** Clients of all services of a driver. */
export function csiClients(socket: string) {
  const clients = {
    identity: createGrpcClient(Identity, { path: socket }),
    controller: createGrpcClient(Controller, { path: socket }),
    group: createGrpcClient(GroupController, { path: socket }),
    metadata: createGrpcClient(SnapshotMetadata, { path: socket }),
    node: createGrpcClient(Node, { path: socket }),
  };
  return {
    identity: clients.identity.calls,
    controller: clients.controller.calls,
    group: clients.group.calls,
    metadata: clients.metadata.calls,
    node: clients.node.calls,
    close() {
      for (const client of Object.values(clients)) client.close();
    },
  };
}

export type CsiClients = ReturnType<typeof csiClients>;

/** A volume's use as a mount. */
export const mounted = (mode: AccessMode = AccessMode.SINGLE_NODE_WRITER, volumeMountGroup = "") =>
  ({ accessType: { case: "mount", value: { fsType: "", volumeMountGroup } }, accessMode: { mode } }) as const;

/** A volume's use as a raw block device. */
export const asBlock = (mode: AccessMode = AccessMode.SINGLE_NODE_WRITER) =>
  ({ accessType: { case: "block", value: {} }, accessMode: { mode } }) as const;

export const fromVolume = (volumeId: string) => ({ type: { case: "volume", value: { volumeId } } }) as const;
export const fromSnapshot = (snapshotId: string) => ({ type: { case: "snapshot", value: { snapshotId } } }) as const;
