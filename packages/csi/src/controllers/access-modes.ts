import { KxError } from "@kx/core";
import { AccessMode } from "@kx/core/contracts/csi";

/**
 * The CSI mode for the access modes of a claim or volume, as all sidecars and the kubelet map them. A driver that tells single
 * writers apart has SINGLE_NODE_MULTI_WRITER.
 *
 * @throws KxError `KX_CSI_CLAIM` for modes that CSI cannot say.
 */
export function csiAccessMode(modes: readonly string[], tellsSingleWritersApart: boolean): AccessMode {
  const has = new Set(modes);
  if (has.has("ReadWriteOncePod")) {
    if (has.size > 1) throw unsupported(modes, "ReadWriteOncePod stands alone");
    if (!tellsSingleWritersApart) throw unsupported(modes, "the driver lacks SINGLE_NODE_MULTI_WRITER");
    return AccessMode.SINGLE_NODE_SINGLE_WRITER;
  }
  if (has.has("ReadWriteMany")) return AccessMode.MULTI_NODE_MULTI_WRITER;
  if (has.has("ReadOnlyMany")) {
    if (has.has("ReadWriteOnce")) throw unsupported(modes, "CSI has no mode for both");
    return AccessMode.MULTI_NODE_READER_ONLY;
  }
  if (!has.has("ReadWriteOnce")) throw unsupported(modes, "Kubernetes has no such mode");
  return tellsSingleWritersApart ? AccessMode.SINGLE_NODE_MULTI_WRITER : AccessMode.SINGLE_NODE_WRITER;
}

function unsupported(modes: readonly string[], why: string): KxError {
  return new KxError("KX_CSI_CLAIM", `the access modes ${JSON.stringify(modes)} are not supported: ${why}`, {
    remedy: "ask for one access mode that the driver supports",
  });
}

/** The use of a volume as a raw block device. */
export function asBlock(mode: AccessMode) {
  return { accessType: { case: "block" as const, value: {} }, accessMode: { mode } };
}

/** The use of a volume as a file system. */
export function asMount(mode: AccessMode, fsType: string, mountFlags: string[]) {
  return { accessType: { case: "mount" as const, value: { fsType, mountFlags } }, accessMode: { mode } };
}
