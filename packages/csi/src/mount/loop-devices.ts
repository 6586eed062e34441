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
  const { stdout } = await runProgram("losetup", ["--find", "--show", ...(readOnly ? ["--read-only"] : []), image]);
  return stdout.trim();
}

/** Takes a file's loop devices away; one that is in use goes when it no longer is. */
export async function detachLoops(image: string): Promise<void> {
  for (const { device } of await findLoops(image)) await runProgram("losetup", ["--detach", device]);
}

/** Tells a file's loop devices that it has grown. */
export async function refreshLoops(image: string): Promise<void> {
  for (const { device } of await findLoops(image)) await runProgram("losetup", ["--set-capacity", device]);
}
