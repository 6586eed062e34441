import {
  ControllerCapability,
  ExpansionMode,
  GroupControllerCapability,
  NodeCapability,
  PluginService,
} from "@kx/core/contracts/csi";
import type { CsiDriverDefinition } from "./csi-driver.ts";

/** What a process of a driver serves. */
export type CsiMode = "controller" | "node" | "all";

/** What a driver can do, as CSI tells it: derived, never listed by hand. */
export interface CsiCapabilities {
  readonly services: readonly PluginService[];
  readonly expansion: ExpansionMode;
  readonly controller: readonly ControllerCapability[];
  readonly groupController: readonly GroupControllerCapability[];
  readonly node: readonly NodeCapability[];
  /** Capabilities of CSI 1.12 and older that 1.13 has removed. */
  readonly removed: { readonly controller: readonly number[]; readonly node: readonly number[] };
}

/** VOLUME_CONDITION of the controller's and the node's capabilities, up to CSI 1.12. */
const removedCondition = { controller: [11], node: [4] } as const;

/** A driver's capabilities: those that are calls by its handlers, the others by its features. */
export function capabilitiesOf(definition: CsiDriverDefinition): CsiCapabilities {
  const { features = {} } = definition;
  const hasCondition = features.volumeCondition === true;
  const removed = {
    controller: hasCondition && definition.controllerGetVolumeHealth ? removedCondition.controller : [],
    node: hasCondition && definition.nodeGetVolumeHealth ? removedCondition.node : [],
  };
  return {
    services: servicesOf(definition),
    expansion:
      features.expansion === "online"
        ? ExpansionMode.ONLINE
        : features.expansion === "offline"
          ? ExpansionMode.OFFLINE
          : ExpansionMode.UNKNOWN,
    controller: controllerCapabilities(definition),
    groupController: hasGroups(definition) ? [GroupControllerCapability.CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT] : [],
    node: nodeCapabilities(definition),
    removed,
  };
}

/** Whether a driver has any handler of the Controller service. */
export function hasController(definition: CsiDriverDefinition): boolean {
  return controllerCalls(definition).length > 0;
}

/** Whether a driver has handlers of the GroupController service. */
export function hasGroups(definition: CsiDriverDefinition): boolean {
  return definition.createVolumeGroupSnapshot !== undefined;
}

/** Whether a driver has handlers of the SnapshotMetadata service. */
export function hasMetadata(definition: CsiDriverDefinition): boolean {
  return definition.getMetadataAllocated !== undefined;
}

/** Whether a driver has handlers of the Node service. */
export function hasNode(definition: CsiDriverDefinition): boolean {
  return definition.nodeGetInfo !== undefined;
}

function servicesOf(definition: CsiDriverDefinition): readonly PluginService[] {
  const { topology = false, snapshotTopology = false } = definition.features ?? {};
  return present([
    [hasController(definition), PluginService.CONTROLLER_SERVICE],
    [topology, PluginService.VOLUME_ACCESSIBILITY_CONSTRAINTS],
    [hasGroups(definition), PluginService.GROUP_CONTROLLER_SERVICE],
    [hasMetadata(definition), PluginService.SNAPSHOT_METADATA_SERVICE],
    [snapshotTopology, PluginService.SNAPSHOT_ACCESSIBILITY_CONSTRAINTS],
  ]);
}

function controllerCalls(d: CsiDriverDefinition): readonly ControllerCapability[] {
  const { clone, publishReadonly, publishedNodes } = d.features ?? {};
  return present([
    [d.createVolume !== undefined, ControllerCapability.CREATE_DELETE_VOLUME],
    [d.controllerPublishVolume !== undefined, ControllerCapability.PUBLISH_UNPUBLISH_VOLUME],
    [d.listVolumes !== undefined, ControllerCapability.LIST_VOLUMES],
    [d.getCapacity !== undefined, ControllerCapability.GET_CAPACITY],
    [d.createSnapshot !== undefined, ControllerCapability.CREATE_DELETE_SNAPSHOT],
    [d.listSnapshots !== undefined, ControllerCapability.LIST_SNAPSHOTS],
    [clone === true, ControllerCapability.CLONE_VOLUME],
    [publishReadonly === true, ControllerCapability.PUBLISH_READONLY],
    [d.controllerExpandVolume !== undefined, ControllerCapability.EXPAND_VOLUME],
    [publishedNodes === true, ControllerCapability.LIST_VOLUMES_PUBLISHED_NODES],
    [d.controllerGetVolume !== undefined, ControllerCapability.GET_VOLUME],
    [d.controllerModifyVolume !== undefined, ControllerCapability.MODIFY_VOLUME],
    [d.getSnapshot !== undefined, ControllerCapability.GET_SNAPSHOT],
    [d.controllerGetVolumeHealth !== undefined, ControllerCapability.GET_VOLUME_HEALTH],
    [d.controllerListVolumeHealth !== undefined, ControllerCapability.LIST_VOLUME_HEALTH],
  ]);
}

function controllerCapabilities(definition: CsiDriverDefinition): readonly ControllerCapability[] {
  const controller = controllerCalls(definition);
  const { singleNodeMultiWriter = true } = definition.features ?? {};
  if (controller.length === 0 || !singleNodeMultiWriter) return controller;
  return [...controller, ControllerCapability.SINGLE_NODE_MULTI_WRITER];
}

function nodeCapabilities(d: CsiDriverDefinition): readonly NodeCapability[] {
  const { singleNodeMultiWriter = true, volumeMountGroup = false } = d.features ?? {};
  return present([
    [d.nodeStageVolume !== undefined, NodeCapability.STAGE_UNSTAGE_VOLUME],
    [d.nodeGetVolumeStats !== undefined, NodeCapability.GET_VOLUME_STATS],
    [d.nodeExpandVolume !== undefined, NodeCapability.EXPAND_VOLUME],
    [hasNode(d) && singleNodeMultiWriter, NodeCapability.SINGLE_NODE_MULTI_WRITER],
    [volumeMountGroup, NodeCapability.VOLUME_MOUNT_GROUP],
    [d.nodeGetVolumeHealth !== undefined, NodeCapability.GET_VOLUME_HEALTH],
    [d.nodeGetStorageHealth !== undefined, NodeCapability.GET_STORAGE_HEALTH],
  ]);
}

function present<T>(entries: readonly (readonly [boolean, T])[]): readonly T[] {
  return entries.flatMap(([isPresent, value]) => (isPresent ? [value] : []));
}
