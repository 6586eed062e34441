import { KxError } from "@kx/core";
import { StorageHealthErrorType, VolumeHealthErrorType } from "@kx/core/contracts/csi";
import type { FileSystemStat } from "@kx/core/linux";
import type { ControllerHandlers, NodeHandlers } from "../driver/csi-handlers.ts";
import type { StoredObject } from "../driver/volume-state.ts";
import { escapeName } from "../state/file-names.ts";
import type { Environment } from "./environment.ts";
import type { Found } from "./folders.ts";
import { unpackVolume } from "./volume-data.ts";

type HealthHandlers = Pick<ControllerHandlers, "controllerListVolumeHealth" | "controllerGetVolumeHealth"> &
  Pick<NodeHandlers, "nodeGetVolumeHealth" | "nodeGetStorageHealth">;

interface Finding {
  readonly status: VolumeHealthErrorType;
  readonly reason: string;
  readonly message: string;
}

// A file system with less than this free will not take much more.
const leastFree = 0.02;

/** What is wrong with volumes, as far as it can be seen. */
export function healthHandlers(env: Environment): HealthHandlers {
  const { folders, mounter, options, state } = env;
  const ofContent = (
    id: string,
    kind: Found["kind"] | undefined,
    stored: StoredObject | undefined,
  ): readonly Finding[] => {
    if (kind === undefined) return [lost("ContentMissing", `there is nothing at ${folders.pathOf("volumes", id)}`)];
    const { kind: known } = unpackVolume(stored);
    if (stored !== undefined && known !== kind)
      return [lost("ContentReplaced", `it was kept as ${known}, and is a ${kind}`)];
    return [];
  };
  const kindOf = (id: string) => folders.find("volumes", id)?.kind;
  return {
    async controllerListVolumeHealth() {
      const entries = [];
      const kinds = folders.kinds("volumes");
      for (const stored of await state.list("volume", undefined, Number.MAX_SAFE_INTEGER)) {
        const healthStatuses = ofContent(stored.id, kinds.get(escapeName(stored.id)), stored);
        if (healthStatuses.length > 0) entries.push({ volumeId: stored.id, healthStatuses: [...healthStatuses] });
      }
      return { entries };
    },
    async controllerGetVolumeHealth({ volumeId }, { stored }) {
      return { volumeHealth: { volumeId, healthStatuses: [...ofContent(volumeId, kindOf(volumeId), stored)] } };
    },
    async nodeGetVolumeHealth({ volumeId, volumePublishPath, stagingTargetPath }) {
      const findings = [...ofContent(volumeId, kindOf(volumeId), undefined)];
      const path = volumePublishPath === "" ? stagingTargetPath : volumePublishPath;
      if ((await mounter.mountAt(path)) === undefined)
        findings.push(bad("NotMounted", `nothing is mounted at ${path}`));
      else findings.push(...(await usage(env, volumeId, path)));
      return { volumeHealth: { volumeId, healthStatuses: findings } };
    },
    async nodeGetStorageHealth() {
      try {
        const disk = await mounter.statfs("", options.stateDir);
        if (!isFull(disk)) return { backendHealth: [] };
        const message = `of ${disk.totalBytes} bytes of the disk at ${options.stateDir} ${disk.availableBytes} are free`;
        return { backendHealth: [{ status: StorageHealthErrorType.STORAGE_DEGRADED, reason: "DiskFull", message }] };
      } catch (error) {
        const message = KxError.from(error).message;
        return {
          backendHealth: [{ status: StorageHealthErrorType.STORAGE_UNREACHABLE, reason: "DiskUnreachable", message }],
        };
      }
    },
  };
}

function isFull({ totalBytes, availableBytes }: FileSystemStat): boolean {
  return Number(availableBytes) < Number(totalBytes) * leastFree;
}

async function usage({ mounter }: Environment, volumeId: string, path: string): Promise<readonly Finding[]> {
  try {
    const { kind } = await mounter.stat(volumeId, path);
    if (kind === "block") return [];
    const disk = await mounter.statfs(volumeId, path);
    if (!isFull(disk)) return [];
    const message = `of ${disk.totalBytes} bytes ${disk.availableBytes} are free`;
    return [{ status: VolumeHealthErrorType.DEGRADED, reason: "VolumeFull", message }];
  } catch (error) {
    return [bad("NotReachable", KxError.from(error).message)];
  }
}

const bad = (reason: string, message: string): Finding => ({
  status: VolumeHealthErrorType.INACCESSIBLE,
  reason,
  message,
});
const lost = (reason: string, message: string): Finding => ({
  status: VolumeHealthErrorType.DATA_LOSS,
  reason,
  message,
});
