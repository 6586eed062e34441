import { didYouMean } from "@kx/core";
import type { VolumeCapability } from "@kx/core/contracts/csi";
import { csiError } from "../driver/csi-error.ts";

const known = ["backing"];
/** What a VolumeAttributesClass can set. It is stored and told, and changes nothing on a disk that this driver shares. */
const mutableChecks: Readonly<Record<string, RegExp>> = {
  tier: /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/,
  iops: /^[1-9]\d{0,8}$/,
  throughput: /^[1-9]\d{0,8}$/,
};
/** The file systems that an image can have. */
export const imageFileSystems = ["ext4", "xfs", "btrfs"] as const;

/**
 * How a volume is to be kept: raw block volumes as images, others as the parameter `backing` says.
 *
 * @throws KxError `KX_CSI_INVALID_ARGUMENT`.
 */
export function kindAskedFor(
  parameters: Readonly<Record<string, string>>,
  capabilities: readonly VolumeCapability[],
): "folder" | "image" {
  for (const key of Object.keys(parameters)) {
    if (!key.startsWith("csi.storage.k8s.io/") && !known.includes(key)) throw unknown("parameter", key, known);
  }
  const { backing = "directory" } = parameters;
  if (backing !== "directory" && backing !== "image") {
    throw csiError("INVALID_ARGUMENT", `backing ${JSON.stringify(backing)} is neither directory nor image`);
  }
  const isBlock = capabilities.some(({ accessType }) => accessType.case === "block");
  const isMount = capabilities.some(({ accessType }) => accessType.case === "mount");
  if (isBlock && isMount)
    throw csiError("INVALID_ARGUMENT", "a volume cannot be used both as a block device and mounted");
  if (isBlock || backing === "image") {
    for (const { accessType } of capabilities) {
      if (accessType.case === "mount") imageFileSystem(accessType.value.fsType);
    }
    return "image";
  }
  return "folder";
}

/** The file system of an image. */
export function imageFileSystem(fsType: string): (typeof imageFileSystems)[number] {
  const type = imageFileSystems.find((one) => one === (fsType || "ext4"));
  if (type !== undefined) return type;
  throw csiError(
    "INVALID_ARGUMENT",
    `an image cannot have the file system ${JSON.stringify(fsType)}, but ${imageFileSystems.join(", ")}`,
  );
}

/** @throws KxError `KX_CSI_INVALID_ARGUMENT`. */
export function checkMutable(parameters: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const [key, value] of Object.entries(parameters)) {
    const check = mutableChecks[key];
    if (check === undefined) throw unknown("mutable parameter", key, Object.keys(mutableChecks));
    if (!check.test(value)) throw csiError("INVALID_ARGUMENT", `${JSON.stringify(value)} is no ${key}`);
  }
  return parameters;
}

function unknown(what: string, key: string, names: readonly string[]) {
  const meant = didYouMean(key, names);
  return csiError("INVALID_ARGUMENT", `there is no ${what} ${JSON.stringify(key)}`, {
    remedy: meant === undefined ? `known are ${names.join(", ")}` : `did you mean ${meant}?`,
  });
}
