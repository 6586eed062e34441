import { readMountInfo } from "@kx/core/linux";
import { findLoops } from "../mount/loop-devices.ts";
import { runProgram } from "../mount/run-program.ts";
import type { Found } from "./folders.ts";

/**
 * Works while nothing writes to the file systems in these images, so that their copies are of one moment. Folders have no file
 * system of their own: what is written meanwhile may be in a copy or not.
 */
export async function withFrozen<T>(contents: readonly Found[], work: () => Promise<T>): Promise<T> {
  const mountPoints = (await Promise.all(contents.map(mountPointOf))).flatMap((path) => path ?? []);
  const frozen: string[] = [];
  try {
    for (const path of mountPoints) {
      await runProgram("fsfreeze", ["--freeze", path], { deadlineMs: 60_000 });
      frozen.push(path);
    }
    return await work();
  } finally {
    for (const path of frozen.toReversed()) await runProgram("fsfreeze", ["--unfreeze", path]);
  }
}

/** What a killed process may have left frozen. */
export async function thaw(contents: readonly Found[]): Promise<void> {
  for (const content of contents) {
    const path = await mountPointOf(content);
    // 1: it is not frozen.
    if (path !== undefined) await runProgram("fsfreeze", ["--unfreeze", path], { success: [1] });
  }
}

async function mountPointOf({ kind, path }: Found): Promise<string | undefined> {
  if (kind === "folder") return undefined;
  const devices = (await findLoops(path)).filter(({ readOnly }) => !readOnly).map(({ device }) => device);
  return (await readMountInfo()).find(({ source }) => devices.includes(source))?.mountPoint;
}
