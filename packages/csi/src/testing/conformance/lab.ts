import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDriver, type TestedDriver } from "../driver-under-test.ts";
import type { ConformanceOptions } from "./options.ts";

/** What all cases of a run share. */
export interface Lab extends AsyncDisposable {
  readonly driver: TestedDriver;
  readonly options: ConformanceOptions;
  readonly settings: {
    readonly secrets: Readonly<Record<string, string>>;
    readonly accessType: "mount" | "block";
    readonly volumeBytes: bigint;
    readonly mounts: boolean;
  };
  /** Where volumes are staged and published. */
  readonly folder: string;
  /** A name that nothing has. */
  readonly name: () => string;
}

const defaultVolumeBytes = 16n * 1024n ** 2n;
const defaultTimeoutMs = 60_000;

/** Reaches the driver and makes a place for its volumes. */
export async function createLab(options: ConformanceOptions): Promise<Lab> {
  const { secrets = {}, accessType = "mount", volumeBytes = defaultVolumeBytes, mounts = true } = options;
  const driver = await openDriver(options, options.timeoutMs ?? defaultTimeoutMs);
  const run = randomBytes(4).toString("hex");
  const folder =
    options.folder === undefined
      ? await mkdtemp(join(tmpdir(), "kx-csi-co-"))
      : join(options.folder, `kx-csi-co-${run}`);
  await mkdir(folder, { recursive: true });
  let names = 0;
  return {
    driver,
    options,
    settings: { secrets, accessType, volumeBytes, mounts },
    folder,
    name: () => `kx-${run}-${++names}`,
    async [Symbol.asyncDispose]() {
      await driver[Symbol.asyncDispose]();
      // A volume that a driver has left mounted must not lose its content.
      await rmdir(folder).catch(() => {});
    },
  };
}
