import { readFile, realpath } from "node:fs/promises";
import { basename } from "node:path";
import { KxError } from "@kx/core";
import type { Mounter } from "./mounter.ts";
import { runProgram } from "./run-program.ts";
import { type Content, headBytes, readContent, tailBytes } from "./superblocks.ts";

/** The file systems that `formatDevice` makes and `growFileSystem` grows. */
export type FileSystemType = "ext4" | "xfs" | "btrfs";

/** A device of a volume. */
export interface DeviceRequest {
  readonly volumeId: string;
  readonly device: string;
}

/** What a device is to hold. */
export interface FormatRequest extends DeviceRequest {
  readonly fsType: FileSystemType;
  /** Further arguments of mkfs. Default: none. */
  readonly args?: readonly string[];
}

/** A device's size in bytes, as the kernel knows it: the device is not asked. */
export async function deviceSize(device: string): Promise<bigint> {
  const name = basename(await realpath(device));
  try {
    return BigInt((await readFile(`/sys/class/block/${name}/size`, "utf8")).trim()) * 512n;
  } catch (cause) {
    throw new KxError("KX_CSI_DEVICE", `${device} is no block device that the kernel knows`, { cause });
  }
}

/**
 * Tells what is on a device. It counts as empty only if its first and last bytes are all zero and `blkid` finds nothing.
 *
 * @throws KxError `KX_CSI_DEVICE`, `KX_LINUX_*`, `KX_CSI_PROGRAM`.
 */
export async function probeDevice(mounter: Mounter, { volumeId, device }: DeviceRequest): Promise<Content> {
  const size = Number(await deviceSize(device));
  const head = await mounter.read(volumeId, device, Math.min(headBytes, size));
  const tail = await mounter.read(volumeId, device, Math.min(tailBytes, size), Math.max(0, size - tailBytes));
  const content = readContent(head, tail);
  if (content.kind === "filesystem") return content;
  // 2: nothing found; 8: several things that contradict each other.
  const { exitCode, stdout } = await runProgram(
    "blkid",
    ["--probe", "--output", "value", "--match-tag", "TYPE", device],
    {
      success: [2, 8],
    },
  );
  if (exitCode === 2) return content;
  const type = stdout.trim();
  return exitCode === 0 && type !== ""
    ? { kind: "filesystem", type }
    : { kind: "other", what: "more than one signature" };
}

/**
 * Makes a file system on a device that is empty; one that holds this file system already is left as it is. Never with force.
 *
 * @throws KxError `KX_CSI_DEVICE_CONTENT` if it holds anything else.
 */
export async function formatDevice(mounter: Mounter, { fsType, args = [], ...request }: FormatRequest): Promise<void> {
  const content = await probeDevice(mounter, request);
  if (content.kind === "filesystem" && content.type === fsType) return;
  if (content.kind !== "empty") throw contentError(request.device, fsType, content);
  await runProgram(`mkfs.${fsType}`, ["-q", ...args, request.device]);
}

/**
 * Grows a file system to its device's size.
 *
 * @param mountPoint - where it is mounted; xfs and btrfs have to be. Absent: it is not.
 * @throws KxError `KX_CSI_DEVICE_CONTENT`, `KX_CSI_PROGRAM`; `KX_CSI_IN_USE` where it is mounted and the kernel does not let this
 * process grow it then, as ext4 without CAP_SYS_RESOURCE.
 */
export async function growFileSystem(mounter: Mounter, request: DeviceRequest, mountPoint?: string): Promise<void> {
  const { device } = request;
  const content = await probeDevice(mounter, request);
  const type = content.kind === "filesystem" ? content.type : content.kind;
  // Most file systems cannot fill the last bytes.
  const size = content.kind === "filesystem" ? content.sizeBytes : undefined;
  if (size !== undefined && size + 4096n > (await deviceSize(device))) return;
  if (type.startsWith("ext")) return growExt(device, mountPoint !== undefined);
  if (mountPoint === undefined) throw growError(device, `${type} grows only while it is mounted`);
  if (type === "xfs") await runProgram("xfs_growfs", [mountPoint]);
  else if (type === "btrfs") await runProgram("btrfs", ["filesystem", "resize", "max", mountPoint]);
  else throw growError(device, `it holds ${type}`);
}

async function growExt(device: string, isMounted: boolean): Promise<void> {
  // It refuses what was not checked since it was mounted last. 1: errors were corrected.
  if (!isMounted) await runProgram("e2fsck", ["-f", "-p", device], { success: [1] });
  try {
    await runProgram("resize2fs", [device]);
  } catch (cause) {
    if (!isMounted || !/permission denied/i.test((cause as Error).message)) throw cause;
    throw new KxError("KX_CSI_IN_USE", `the file system on ${device} may not be grown while it is mounted`, {
      cause,
      remedy:
        "give the driver CAP_SYS_RESOURCE, or end all pods that use the volume: it grows before the next one starts",
    });
  }
}

function contentError(device: string, fsType: string, content: Content): KxError {
  const what = content.kind === "filesystem" ? content.type : content.kind === "other" ? content.what : content.kind;
  return new KxError("KX_CSI_DEVICE_CONTENT", `${device} is not formatted as ${fsType}: it holds ${what}`, {
    remedy: "use what is there, or wipe the device if nobody needs it",
    details: { device, content },
  });
}

function growError(device: string, why: string): KxError {
  return new KxError("KX_CSI_DEVICE_CONTENT", `the file system on ${device} cannot be grown: ${why}`);
}
