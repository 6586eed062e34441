import type { ReconcileContext } from "@kx/controllers";
import { Node } from "@kx/controllers/api/core-v1";
import { CSINode } from "@kx/controllers/api/storage-v1";
import { PluginService } from "@kx/core/contracts/csi";
import type { DriverClient } from "../driver-client.ts";
import { clusterPlaces, nodePlaces, type Places, type Segments } from "./topology.ts";

/** How volumes are provisioned. */
export interface ProvisionerOptions {
  /** Volumes are named by it and the claim's uid. Default: `pvc`. */
  readonly volumeNamePrefix?: string;
  /** Asks for volumes in the place of the chosen node alone. Default: false, the others are told as second choice. */
  readonly strictTopology?: boolean;
  /** Tells all places of the cluster where a class binds at once and allows all. Default: true. */
  readonly immediateTopology?: boolean;
  /**
   * Refuses to restore a snapshot to a volume of another volumeMode, unless the annotation of its content allows it. Default:
   * true.
   */
  readonly preventVolumeModeConversion?: boolean;
}

/** The node whose volumes alone a driver makes, where each node has a controller of its own. */
export interface OwnNode {
  readonly name: string;
  /** Where the node is, as the driver says. */
  readonly segments: Segments;
}

/** What the provisioner's parts share. */
export interface ProvisionerEnv {
  readonly driver: DriverClient;
  readonly options: ProvisionerOptions;
  readonly callTimeoutMs: number;
  readonly concurrency: number;
  readonly retryBackoff: { readonly baseMs: number; readonly maxMs: number };
  readonly defaultFsType: string | undefined;
  /** Tells the driver the names of claim and volume. */
  readonly tellsNames: boolean;
  /** Who provisioned a volume: a new one for each start. */
  readonly identity: string;
  readonly node: OwnNode | undefined;
}

/** Whether a driver's volumes are not reachable from everywhere. */
export function hasTopology({ driver }: Pick<ProvisionerEnv, "driver">): boolean {
  return driver.capabilities.services.has(PluginService.VOLUME_ACCESSIBILITY_CONSTRAINTS);
}

/** What is known of the places of volumes. */
export function placesOf({ driver, node }: ProvisionerEnv, { cache }: Pick<ReconcileContext, "cache">): Places {
  if (node !== undefined) return nodePlaces(node.name, node.segments);
  return clusterPlaces(driver.name, cache.list(CSINode), cache.list(Node));
}
