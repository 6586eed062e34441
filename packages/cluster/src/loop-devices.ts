import { existsSync, readdirSync, readFileSync } from "node:fs";
import { KxError } from "@kx/core";
import { execute, until } from "./host.ts";

/**
 * The file systems that a node has and the machine has not, as `major:minor`. Pure.
 *
 * @param node - text of /proc/<process>/mountinfo of a process in the node.
 * @param machine - that of this process.
 */
export function ownFileSystems(node: string, machine: string): readonly string[] {
  const others = new Set(devicesIn(machine));
  // 0 is the number of those that are on no device.
  return [...new Set(devicesIn(node))].filter((device) => device.startsWith("0:") && !others.has(device));
}

function devicesIn(mountinfo: string): readonly string[] {
  return mountinfo.split("\n").flatMap((line) => line.split(" ")[2] ?? []);
}

/**
 * Takes the loop devices of files in these file systems away. No machine has them after it was switched off, but the kernel keeps
 * those of a node, and the files with them, beyond the end of its namespaces.
 */
export async function detachLoops(fileSystems: readonly string[]): Promise<void> {
  let left: readonly string[] = [];
  await until(
    async () => {
      left = await loopsOf(fileSystems);
      // One that is still in use goes by itself when it no longer is, and is then gone at the next look.
      for (const device of left) await execute("losetup", ["--detach", device]);
      return left.length === 0 ? true : undefined;
    },
    {
      timeoutMs: 10_000,
      failure: () => new KxError("KX_CLUSTER_TIMEOUT", `the loop devices ${left.join(", ")} are still in use`),
    },
  );
}

async function loopsOf(fileSystems: readonly string[]): Promise<readonly string[]> {
  const inUse = readdirSync("/sys/block").filter((name) => existsSync(`/sys/block/${name}/loop/backing_file`));
  if (fileSystems.length === 0 || inUse.length === 0) return [];
  for (const name of inUse) await makeDeviceFile(name);
  const { stdout } = await execute("losetup", ["--list", "--noheadings", "--output", "NAME,BACK-MAJ:MIN"]);
  const lines = stdout.split("\n").map((line) => line.trim().split(/\s+/));
  return lines.flatMap(([device, backing]) =>
    device !== undefined && fileSystems.includes(backing ?? "") ? [device] : [],
  );
}

/** Where /dev is no devtmpfs, as in a container, it lacks the files of devices that were made meanwhile. */
async function makeDeviceFile(name: string): Promise<void> {
  if (existsSync(`/dev/${name}`)) return;
  const [major = "", minor = ""] = readFileSync(`/sys/block/${name}/dev`, "utf8").trim().split(":");
  await execute("mknod", ["--mode=660", `/dev/${name}`, "b", major, minor]);
}
