import { open } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Mount, Publication } from "./publish-table.ts";

/** Where the kubelet has file system volumes of CSI published. */
const mountTarget = /\/pods\/[^/]+\/volumes\/kubernetes\.io~csi\/[^/]+\/mount$/;
/** Where it has block volumes published: `<kubelet>/plugins/kubernetes.io/csi/volumeDevices/publish/<volume>/<pod>`. */
const blockTarget = /^(.*\/volumeDevices)\/publish\/([^/]+)\/[^/]+$/;

const maxBytes = 64 * 1024;

interface Place {
  readonly mount: Mount;
  /** The kubelet's own note of what it had published there. */
  readonly note: string;
}

/** A driver's volumes that the kubelet has published on this node, from the mounts and the notes that it keeps beside them. */
export async function kubeletVolumes(
  driverName: string,
  mounts: readonly Mount[],
): Promise<readonly (Publication & { readonly mountPoint: string })[]> {
  const found = await Promise.all(
    mounts
      .flatMap((mount) => placeOf(mount) ?? [])
      .map(async ({ mount, note }) => {
        const { driver, volumeId } = await readNote(note);
        if (driver !== driverName || volumeId === undefined) return [];
        const { mountPoint, options } = mount;
        return [{ volumeId, target: mountPoint, mountPoint, isReadonly: options.includes("ro") }];
      }),
  );
  return found.flat();
}

function placeOf(mount: Mount): Place | undefined {
  const { mountPoint } = mount;
  if (mountTarget.test(mountPoint)) return { mount, note: join(dirname(mountPoint), "vol_data.json") };
  const [, devices, volume] = blockTarget.exec(mountPoint) ?? [];
  if (devices === undefined || volume === undefined) return undefined;
  return { mount, note: join(devices, volume, "data", "vol_data.json") };
}

async function readNote(path: string): Promise<{ readonly driver?: unknown; readonly volumeId?: string }> {
  try {
    await using file = await open(path, "r");
    const { buffer, bytesRead } = await file.read(Buffer.alloc(maxBytes), 0, maxBytes, 0);
    const note: unknown = JSON.parse(buffer.toString("utf8", 0, bytesRead));
    if (typeof note !== "object" || note === null) return {};
    const { driverName, volumeHandle } = note as Readonly<Record<string, unknown>>;
    return { driver: driverName, ...(typeof volumeHandle === "string" ? { volumeId: volumeHandle } : {}) };
  } catch {
    // Without a note it is not known whose the mount is, so it is not counted as ours.
    return {};
  }
}
