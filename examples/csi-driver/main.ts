#!/usr/bin/env node
// A CSI driver whose volumes are folders of this node, bound to where pods want them.
import { access, mkdir, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { type CsiDriver, csiError, defineCsiDriver, fileState, runCsiDriver } from "@kx/csi";
import { createMounter } from "@kx/csi/mount";

export function folders(root: string): CsiDriver {
  const mounter = createMounter();
  const folderOf = (volumeId: string) => join(root, "volumes", `volume-${encodeURIComponent(volumeId)}`);
  return defineCsiDriver({
    name: "folders.csi.example.com",
    state: fileState(join(root, "state")),
    async createVolume({ capacityRange }, { fingerprint: volumeId }) {
      await mkdir(folderOf(volumeId), { recursive: true });
      return { volume: { volumeId, capacityBytes: capacityRange?.requiredBytes ?? 0n } };
    },
    async deleteVolume({ volumeId }) {
      await rm(folderOf(volumeId), { recursive: true, force: true });
    },
    async nodePublishVolume({ volumeId, targetPath: target, readonly: readOnly }) {
      const source = folderOf(volumeId);
      await access(source).catch(() => Promise.reject(csiError("NOT_FOUND", `there is no folder ${source}`)));
      await mounter.bind({ volumeId, source, target, kind: "folder", readOnly });
    },
    nodeUnpublishVolume: ({ volumeId, targetPath: target }) => mounter.unmountAndRemove({ volumeId, target }),
    nodeGetInfo: async () => ({ nodeId: hostname() }),
  });
}

if (import.meta.main) await runCsiDriver(folders(process.argv[2] ?? "/var/lib/folders-csi"));
