import type { DriverUnderTest } from "../driver-under-test.ts";
import type { DriverFaults } from "./faults.ts";

/** What the conformance kit runs on. */
export type ConformanceOptions = DriverUnderTest & {
  /** Parameters of volumes, as a StorageClass has them. Default: none. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** What ControllerModifyVolume is asked for. Default: none, and its cases do not apply. */
  readonly mutableParameters?: Readonly<Record<string, string>>;
  /** Parameters of snapshots. Default: none. */
  readonly snapshotParameters?: Readonly<Record<string, string>>;
  /** Secrets that calls need. Default: none. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** How volumes are used. Default: `mount`. */
  readonly accessType?: "mount" | "block";
  /** The size of volumes. Default: 16 MiB. */
  readonly volumeBytes?: bigint;
  /** Whether volumes may be brought to this machine. Default: true, which needs what the driver needs for it, most often root. */
  readonly mounts?: boolean;
  /** Where volumes are staged and published; the driver must see it under the same path. Default: a temporary folder. */
  readonly folder?: string;
  /** How the driver is killed and its storage is filled; cases that need it do not apply without. Default: none. */
  readonly faults?: DriverFaults;
  /** Cases that do not hold for this driver, by id or requirement, with the reason. They are not run. */
  readonly exempt?: Readonly<Record<string, string>>;
  /** Cases that are known to fail, by id, with the reason. One that passes all the same is reported. */
  readonly knownGaps?: Readonly<Record<string, string>>;
  /** Only these cases, by id or requirement. Default: all. */
  readonly only?: readonly string[];
  /** How long one call may take, in milliseconds. Default: 60,000. */
  readonly timeoutMs?: number;
};
