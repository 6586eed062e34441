import { createHash } from "node:crypto";
import { asBlock, type CsiClients, fromSnapshot, fromVolume, mounted } from "./csi-clients.ts";

export type HostpathCall = keyof typeof hostpathCalls;

const capacityRange = { requiredBytes: 8n * 1024n ** 2n, limitBytes: 0n };
const idOf = async (csi: CsiClients, list: "volumes" | "snapshots", size: number): Promise<string> => {
  if (list === "volumes") {
    const { entries } = await csi.controller.listVolumes({});
    return entries.find(({ volume }) => Number(volume?.capacityBytes) === size)?.volume?.volumeId ?? "";
  }
  const { entries } = await csi.controller.listSnapshots({});
  return entries.find(({ snapshot }) => Number(snapshot?.sizeBytes) === size)?.snapshot?.snapshotId ?? "";
};

/** The sizes by which the first volumes are found again. */
export const folderBytes = 4 * 1024 ** 2;
export const imageBytes = 2 * 1024 ** 2;

const create = async (csi: CsiClients, more: object) =>
  (await csi.controller.createVolume({ name: "made", capacityRange, volumeCapabilities: [mounted()], ...more })).volume
    ?.volumeId ?? "";
const block = { volumeCapabilities: [asBlock()] };

/** Calls that make or remove something, on what is there first. Each can be made again; gives the id of what it is about. */
export const hostpathCalls = {
  create: (csi: CsiClients) => create(csi, {}),
  createBlock: (csi: CsiClients) => create(csi, block),
  cloneFolder: async (csi: CsiClients) =>
    create(csi, { volumeContentSource: fromVolume(await idOf(csi, "volumes", folderBytes)) }),
  cloneImage: async (csi: CsiClients) =>
    create(csi, { ...block, volumeContentSource: fromVolume(await idOf(csi, "volumes", imageBytes)) }),
  restoreFolder: async (csi: CsiClients) =>
    create(csi, { volumeContentSource: fromSnapshot(await idOf(csi, "snapshots", folderBytes)) }),
  snapshotFolder: async (csi: CsiClients) => {
    const sourceVolumeId = await idOf(csi, "volumes", folderBytes);
    return (await csi.controller.createSnapshot({ name: "taken", sourceVolumeId })).snapshot?.snapshotId ?? "";
  },
  deleteVolume: async (csi: CsiClients) => {
    const volumeId = await idOf(csi, "volumes", folderBytes);
    if (volumeId !== "") await csi.controller.deleteVolume({ volumeId });
    return volumeId;
  },
  deleteSnapshot: async (csi: CsiClients) => {
    const snapshotId = await idOf(csi, "snapshots", folderBytes);
    if (snapshotId !== "") await csi.controller.deleteSnapshot({ snapshotId });
    return snapshotId;
  },
} as const;

/** What the content of the first volumes is known by. */
export const digestOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
