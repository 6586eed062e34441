import type { AccessMode } from "@kx/core/contracts/csi";

/** What a driver can do beside its calls: capabilities that no handler shows. Each is told to Kubernetes as it is here. */
export interface CsiFeatures {
  /**
   * Tells SINGLE_NODE_SINGLE_WRITER and SINGLE_NODE_MULTI_WRITER apart (ReadWriteOncePod). Default: true, since the kit keeps
   * these rules, and without it two pods of a node could not share a volume.
   */
  readonly singleNodeMultiWriter?: boolean;
  /** `nodePublishVolume` or `nodeStageVolume` honours `volumeMountGroup` (fsGroup). Default: false. */
  readonly volumeMountGroup?: boolean;
  /** `controllerPublishVolume` honours `readonly`. Default: false. */
  readonly publishReadonly?: boolean;
  /** `createVolume` can fill a volume with another's content. Default: false. */
  readonly clone?: boolean;
  /** `listVolumes` tells on which nodes volumes are published. Default: false. */
  readonly publishedNodes?: boolean;
  /** Volumes are not reachable from everywhere: `nodeGetInfo` and `createVolume` give topologies. Default: false. */
  readonly topology?: boolean;
  /** Snapshots are not reachable from everywhere: `createSnapshot` gives topologies. Default: false. */
  readonly snapshotTopology?: boolean;
  /** When a volume can grow: while it is published too, or only while it is not. Needs a handler that expands. */
  readonly expansion?: "online" | "offline";
  /**
   * Callers of CSI 1.12 and older get a volume's health as the condition that they know, in ControllerGetVolume, ListVolumes and
   * NodeGetVolumeStats. Needs a handler for the health of one volume. Default: false.
   */
  readonly volumeCondition?: boolean;
  /** How volumes can be used. Anything else is refused. Default: `["mount"]`. */
  readonly accessTypes?: readonly ("mount" | "block")[];
  /** By whom volumes can be used at once. Anything else is refused. Default: the modes of one node. */
  readonly accessModes?: readonly AccessMode[];
  /** File systems that `fsType` can ask for. Default: any, as the handlers decide. */
  readonly fsTypes?: readonly string[];
}

/** The handlers that a feature needs; several in one list: one of them is enough. */
export const featureNeeds = {
  volumeMountGroup: [["nodePublishVolume"]],
  publishReadonly: [["controllerPublishVolume"]],
  clone: [["createVolume"]],
  publishedNodes: [["listVolumes"], ["controllerPublishVolume"]],
  topology: [["nodeGetInfo", "createVolume"]],
  snapshotTopology: [["createSnapshot"]],
  expansion: [["controllerExpandVolume", "nodeExpandVolume"]],
  volumeCondition: [["controllerGetVolumeHealth", "nodeGetVolumeHealth"]],
} as const satisfies Partial<Record<keyof CsiFeatures, readonly (readonly string[])[]>>;

type Needs = typeof featureNeeds;

/** The first list of needs of which a driver has no handler. */
type Missing<Given, Lists> = Lists extends readonly [infer First extends readonly string[], ...infer Rest]
  ? First[number] & keyof Given extends never
    ? First[number]
    : Missing<Given, Rest>
  : never;

/** Turns a feature that lacks its handler into a type that no value has and that says so. */
export type CheckFeatures<Definition> = Definition extends { readonly features: infer Features }
  ? {
      readonly features: {
        [Name in keyof Features]: Name extends keyof Needs
          ? [Missing<Definition, Needs[Name]>] extends [never]
            ? Features[Name]
            : Features[Name] extends false | undefined
              ? Features[Name]
              : `this feature needs the handler ${Missing<Definition, Needs[Name]>}`
          : Features[Name];
      };
    }
  : unknown;
