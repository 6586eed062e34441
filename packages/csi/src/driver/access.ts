import { AccessMode, type VolumeCapability } from "@kx/core/contracts/csi";
import type { CsiFeatures } from "./csi-features.ts";

const oneNodeModes: readonly AccessMode[] = [
  AccessMode.SINGLE_NODE_WRITER,
  AccessMode.SINGLE_NODE_READER_ONLY,
  AccessMode.SINGLE_NODE_SINGLE_WRITER,
  AccessMode.SINGLE_NODE_MULTI_WRITER,
];

const newModes = new Set([AccessMode.SINGLE_NODE_SINGLE_WRITER, AccessMode.SINGLE_NODE_MULTI_WRITER]);

/** The mode that a capability asks for. */
export function modeOf(capability: VolumeCapability | undefined): AccessMode {
  return capability?.accessMode?.mode ?? AccessMode.UNKNOWN;
}

/** Whether a mode lets several nodes use a volume at once. */
export function isMultiNode(mode: AccessMode): boolean {
  return !oneNodeModes.includes(mode);
}

/** Whether another workload of the same node may use a volume that one uses in this mode. */
export function allowsSecondTarget(mode: AccessMode, { singleNodeMultiWriter = true }: CsiFeatures): boolean {
  // With the capability, only the mode made for it says "one workload"; older callers ask for SINGLE_NODE_WRITER and mean
  // one node. Without it, the specification's first table holds.
  return singleNodeMultiWriter ? mode !== AccessMode.SINGLE_NODE_SINGLE_WRITER : isMultiNode(mode);
}

/** Why a driver does not support a use of its volumes; undefined if it does. */
export function whyUnsupported(capability: VolumeCapability, features: CsiFeatures): string | undefined {
  const { accessTypes = ["mount"], fsTypes, singleNodeMultiWriter = true } = features;
  const type = capability.accessType.case;
  if (type !== undefined && !accessTypes.includes(type)) return `volumes cannot be used as ${type}`;
  const mode = modeOf(capability);
  const modes = features.accessModes ?? oneNodeModes;
  // Older callers say SINGLE_NODE_WRITER where newer ones tell the two apart.
  const isOlder = mode === AccessMode.SINGLE_NODE_WRITER && modes.some((one) => newModes.has(one));
  const isKnown = (modes.includes(mode) || isOlder) && (singleNodeMultiWriter || !newModes.has(mode));
  if (!isKnown) return `volumes cannot be used in the mode ${AccessMode[mode]}`;
  const fsType = capability.accessType.case === "mount" ? capability.accessType.value.fsType : "";
  if (fsType !== "" && fsTypes !== undefined && !fsTypes.includes(fsType)) {
    return `volumes cannot have the file system ${JSON.stringify(fsType)}, but ${fsTypes.join(", ")}`;
  }
  return undefined;
}
