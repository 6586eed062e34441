import type { Clock } from "@kx/core";
import { ControllerCapability, type VolumeHealth } from "@kx/core/contracts/csi";
import type { CallOptions } from "@kx/core/grpc";
import type { DriverClient } from "../driver-client.ts";

/** Where the health of volumes comes from. */
export interface HealthSource {
  /** How often it is worth asking, in milliseconds. */
  readonly intervalMs: number;
  /** What the driver says of a volume; undefined if nothing. */
  of(volumeId: string, options: CallOptions): Promise<VolumeHealth | undefined>;
}

const listIntervalMs = 300_000;
const getIntervalMs = 60_000;

/** One list for all volumes where the driver has lists; else a call for each volume. */
export function healthSource(driver: DriverClient, clock: Clock, intervalMs?: number): HealthSource {
  if (!driver.capabilities.controller.has(ControllerCapability.LIST_VOLUME_HEALTH)) {
    return {
      intervalMs: intervalMs ?? getIntervalMs,
      of: async (volumeId, options) =>
        (await driver.controller.controllerGetVolumeHealth({ volumeId }, options)).volumeHealth,
    };
  }
  const freshMs = intervalMs ?? listIntervalMs;
  let listed: { readonly atMs: number; readonly volumes: Promise<ReadonlyMap<string, VolumeHealth>> } | undefined;
  return {
    intervalMs: freshMs,
    async of(volumeId, options) {
      // Volumes are asked after one by one, in the same interval: the list for the first serves all.
      if (listed === undefined || clock.now() - listed.atMs >= freshMs / 2) {
        listed = { atMs: clock.now(), volumes: listAll(driver, options) };
        listed.volumes.catch(() => {
          listed = undefined;
        });
      }
      return (await listed.volumes).get(volumeId);
    },
  };
}

async function listAll(driver: DriverClient, options: CallOptions): Promise<ReadonlyMap<string, VolumeHealth>> {
  const all = new Map<string, VolumeHealth>();
  let startingToken = "";
  do {
    const { entries, nextToken } = await driver.controller.controllerListVolumeHealth({ startingToken }, options);
    for (const entry of entries) all.set(entry.volumeId, entry);
    startingToken = nextToken;
  } while (startingToken !== "");
  return all;
}
