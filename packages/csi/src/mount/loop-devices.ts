import { existsSync, readdirSync, readFileSync } from "node:fs";
import { runProgram } from "./run-program.ts";

/** A loop device: a file as a block device. */
export interface LoopDevice {
  readonly device: string;
  readonly readOnly: boolean;
}

/** The loop devices of a file, known by what it is, not by its path. */
export async function findLoops(image: string): Promise<readonly LoopDevice[]> {
  const { stdout } = await runProgram("losetup", [
    "--associated",
    image,
    "--noheadings",
    "--raw",
    "--output",
    "NAME,RO",
  ]);
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [device = "", readOnly] = line.trim().split(/\s+/);
      return { device, readOnly: readOnly === "1" };
    });
}

/** Gives a file a loop device, or finds the one that it has. */
export async function attachLoop(
  image: string,
  { readOnly = false }: { readonly readOnly?: boolean } = {},
): Promise<string> {
  const present = (await findLoops(image)).find((loop) => loop.readOnly === readOnly);
  if (present !== undefined) return present.device;
  const args = ["--find", "--show", ...(readOnly ? ["--read-only"] : []), image];
  for (let tries = 1; ; tries++) {
    try {
      return (await runProgram("losetup", args)).stdout.trim();
    } catch (error) {
      // The kernel has made a device whose file is not there; until that is, another process may have taken it.
      if (!(await makeDeviceFiles()) || tries === maxTries) throw error;
    }
  }
}

const maxTries = 10;

/**
 * Makes the files of the kernel's loop devices that /dev lacks, as one does that is no devtmpfs: of a container, or of a node
 * in namespaces. Tells whether there were any.
 */
async function makeDeviceFiles(): Promise<boolean> {
  const lacking = readdirSync("/sys/block").filter((name) => /^loop\d+$/.test(name) && !existsSync(`/dev/${name}`));
  for (const name of lacking) {
    const [major = "", minor = ""] = readFileSync(`/sys/block/${name}/dev`, "utf8").trim().split(":");
    // Another call may have made it meanwhile.
    await runProgram("mknod", ["--mode=660", `/dev/${name}`, "b", major, minor], { success: [1] });
  }
  return lacking.length > 0;
}

/** Takes a file's loop devices away; one that is in use goes when it no longer is. */
export async function detachLoops(image: string): Promise<void> {
  for (const { device } of await findLoops(image)) {
    try {
      await runProgram("losetup", ["--detach", device]);
    } catch (error) {
      // One that was to go by itself may have gone meanwhile.
      if ((await findLoops(image)).some((left) => left.device === device)) throw error;
    }
  }
}

/**
 * Lets a device that is mounted go with its last mount, also if nobody is there any more to detach it: the kernel keeps loop
 * devices beyond the end of a node in namespaces, and of every process.
 */
export async function detachWhenUnmounted(device: string): Promise<void> {
  await runProgram("losetup", ["--detach", device]);
}

/** Tells a file's loop devices that it has grown. */
export async function refreshLoops(image: string): Promise<void> {
  for (const { device } of await findLoops(image)) await runProgram("losetup", ["--set-capacity", device]);
}
