import { parseQuantity } from "@kx/core/units";
import { csiError } from "../driver/csi-error.ts";
import { formatDevice } from "../mount/devices.ts";
import { attachLoop, detachLoops, detachWhenUnmounted } from "../mount/loop-devices.ts";
import { makeFolder, makeImage } from "./contents.ts";
import type { Environment } from "./environment.ts";
import { kindAskedFor } from "./parameters.ts";

/** A volume that lives as long as its pod. */
export interface EphemeralRequest {
  readonly volumeId: string;
  readonly target: string;
  readonly readOnly: boolean;
  readonly options: readonly string[];
  /** Attributes of the pod: `backing`, and `size` of an image. */
  readonly attributes: Readonly<Record<string, string>>;
}

const usualSize = "1Gi";

/** Makes the volume and mounts it. A restart of the machine ends it, as it ends the pod, so nothing is flushed to the disk. */
export async function publishEphemeral(env: Environment, request: EphemeralRequest): Promise<void> {
  const { volumeId, target, readOnly, options } = request;
  const { size = usualSize, ...parameters } = request.attributes;
  const { folders, mounter } = env;
  const kind = kindAskedFor(parameters, []);
  const bytes = sizeOf(size);
  if (folders.find("ephemeral", volumeId) === undefined) {
    await folders.add("ephemeral", volumeId, (path) =>
      kind === "folder" ? makeFolder(path) : makeImage(path, bytes, false),
    );
  }
  const source = folders.pathOf("ephemeral", volumeId);
  if (kind === "folder") return mounter.bind({ volumeId, source, target, kind, readOnly, options });
  const device = await attachLoop(source);
  await formatDevice(mounter, { volumeId, device, fsType: "ext4" });
  await mounter.mountDevice({ volumeId, device, target, fsType: "ext4", readOnly, options });
  await detachWhenUnmounted(device);
}

/** Removes the volume if it was one; it is no longer mounted. */
export async function removeEphemeral({ folders }: Environment, volumeId: string): Promise<void> {
  const found = folders.find("ephemeral", volumeId);
  if (found === undefined) return;
  if (found.kind === "image") await detachLoops(found.path);
  await folders.remove("ephemeral", volumeId);
}

function sizeOf(text: string): bigint {
  try {
    return parseQuantity(text).nanos / 1_000_000_000n;
  } catch (cause) {
    throw csiError("INVALID_ARGUMENT", `the attribute size ${JSON.stringify(text)} is no size such as 100Mi`, {
      cause,
    });
  }
}
