import { csiError } from "../driver/csi-error.ts";
import type { Mounter, TargetRequest } from "../mount/mounter.ts";
import { runProgram } from "../mount/run-program.ts";

const setGroupId = 0o2000;
const groupAccess = 0o070;

/** Lets a group read and write all of a volume, and owns what is made in it from now on; as the kubelet does, if its root is not so yet. */
export async function giveToGroup(mounter: Mounter, { volumeId, target }: TargetRequest, group: string): Promise<void> {
  if (!/^\d{1,10}$/.test(group))
    throw csiError("INVALID_ARGUMENT", `volume_mount_group ${JSON.stringify(group)} is no number`);
  const { gid, mode } = await mounter.stat(volumeId, target);
  if (gid === Number(group) && (mode & (setGroupId | groupAccess)) === (setGroupId | groupAccess)) return;
  await runProgram("chgrp", ["--recursive", "--no-dereference", "--", group, target]);
  await runProgram("chmod", ["--recursive", "g+rwX", "--", target]);
  await runProgram("find", [target, "-xdev", "-type", "d", "-exec", "chmod", "g+s", "--", "{}", "+"]);
}
