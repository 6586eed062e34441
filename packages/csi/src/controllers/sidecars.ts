import { randomInt } from "node:crypto";
import { type Extension, KxError } from "@kx/core";
import type { SnapshotMetadataOptions } from "../snapshot-metadata/options.ts";
import { snapshotMetadata } from "../snapshot-metadata/sidecar.ts";
import { type AttacherOptions, attacher } from "./attacher/index.ts";
import { type CapacityOptions, capacity } from "./capacity/index.ts";
import type { DriverCapabilities, DriverClient } from "./driver-client.ts";
import { type HealthMonitorOptions, healthMonitor } from "./health-monitor/index.ts";
import { clusterRole, partRights } from "./part-rights.ts";
import { provisioner } from "./provisioner/index.ts";
import type { OwnNode, ProvisionerOptions } from "./provisioner/provisioner-env.ts";
import { type ResizerOptions, resizer } from "./resizer/index.ts";
import { type SnapshotterOptions, snapshotter } from "./snapshotter/snapshotter.ts";

/** The controllers of a driver, each under the name of the sidecar whose work it does. */
export type SidecarPart =
  | "provisioner"
  | "capacity"
  | "attacher"
  | "resizer"
  | "snapshotter"
  | "health-monitor"
  | "snapshot-metadata";

/** How the controllers of a driver work. */
export interface SidecarOptions {
  /** Which parts run. Default: those that the driver's capabilities call for. */
  readonly parts?: readonly SidecarPart[];
  /**
   * How long a call of the driver is waited for, in milliseconds; the driver may go on, and the next try takes up its
   * outcome. Default: 60,000.
   */
  readonly callTimeoutMs?: number;
  /** Objects of one kind at work at the same time. Default: 100. */
  readonly concurrency?: number;
  /** How long an object waits after a failure, and at most after many, in milliseconds. Default: 1,000 and 300,000. */
  readonly retryBackoff?: { readonly baseMs: number; readonly maxMs: number };
  /** File system of volumes whose class names none. Default: none, so that the driver chooses. */
  readonly defaultFsType?: string;
  /**
   * Tells the driver the names of what a volume or snapshot is made for, as parameters `csi.storage.k8s.io/pvc/name`,
   * `.../volumesnapshot/name` and so on. Default: false.
   */
  readonly extraCreateMetadata?: boolean;
  /** The node whose volumes alone are looked after, where each node has controllers of its own. Default: all. */
  readonly node?: OwnNode;
  /** Default: as each option says. */
  readonly provisioner?: ProvisionerOptions;
  /** Default: as each option says. */
  readonly capacity?: CapacityOptions;
  /** Default: as each option says. */
  readonly attacher?: AttacherOptions;
  /** Default: as each option says. */
  readonly resizer?: ResizerOptions;
  /** Default: as each option says. */
  readonly snapshotter?: SnapshotterOptions;
  /** Default: as each option says. */
  readonly healthMonitor?: HealthMonitorOptions;
  /** How the snapshot-metadata service is served. Default: it is not. */
  readonly snapshotMetadata?: SnapshotMetadataOptions;
}

/** What a part is made of. */
export interface SidecarEnv {
  readonly driver: DriverClient;
  readonly options: SidecarOptions & Required<Pick<SidecarOptions, "callTimeoutMs" | "concurrency" | "retryBackoff">>;
  /** Tells this start of the controllers from others. */
  readonly identity: string;
}

/** One part: whether a driver needs it, and its controllers. */
export interface Sidecar {
  isNeeded(capabilities: DriverCapabilities, options: SidecarOptions): boolean;
  make(env: SidecarEnv): readonly Extension[];
}

const sidecars: Readonly<Record<SidecarPart, Sidecar>> = {
  provisioner,
  capacity,
  attacher,
  resizer,
  snapshotter,
  "health-monitor": healthMonitor,
  "snapshot-metadata": snapshotMetadata,
};

/** The parts that a driver of these capabilities needs, as far as the options have what they cannot do without. */
export function partsNeeded(capabilities: DriverCapabilities, options: SidecarOptions = {}): readonly SidecarPart[] {
  return (Object.keys(sidecars) as SidecarPart[]).filter((part) => sidecars[part].isNeeded(capabilities, options));
}

/** A part's controllers with the one role that they need together, instead of what any controller may need. */
function withRole(
  part: SidecarPart,
  made: readonly Extension[],
  { driver, options }: SidecarEnv,
): readonly Extension[] {
  if (part === "snapshot-metadata") return made;
  const isOfNode = options.node !== undefined;
  const account = isOfNode ? "node" : "controller";
  const role = clusterRole(`kx:csi:${driver.name}:${part}`, account, partRights([part], isOfNode));
  return made.map((extension, index) => Object.freeze({ ...extension, manifests: () => (index === 0 ? role : []) }));
}

/**
 * The controllers of a driver: extensions that a host runs in the role `controller`, all on one connection and one cache.
 * Wrap them with `electLeader` where there are several replicas.
 *
 * @throws KxError `KX_CSI_PART` for a part that there is not.
 */
export function csiControllers(driver: DriverClient, options: SidecarOptions = {}): readonly Extension[] {
  const { parts = partsNeeded(driver.capabilities, options), callTimeoutMs = 60_000, concurrency = 100 } = options;
  // As the sidecars wait.
  const { retryBackoff = { baseMs: 1000, maxMs: 300_000 } } = options;
  const identity = `${Date.now()}-${randomInt(10_000)}`;
  const env: SidecarEnv = { driver, options: { ...options, callTimeoutMs, concurrency, retryBackoff }, identity };
  return parts.flatMap((part) => {
    const sidecar = sidecars[part];
    if (sidecar !== undefined) return withRole(part, sidecar.make(env), env);
    throw new KxError("KX_CSI_PART", `there is no controller ${JSON.stringify(part)}`, {
      remedy: `known are ${Object.keys(sidecars).join(", ")}`,
    });
  });
}
