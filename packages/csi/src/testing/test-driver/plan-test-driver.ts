import type { CSIDriverSpec } from "@kx/controllers/api/storage-v1";
import { AccessMode } from "@kx/core/contracts/csi";
import type { Capability } from "../read-capabilities.ts";
import type { TestCapability, TestClass, TestDriverFile } from "./test-driver-file.ts";

/** How volumes of a driver can be used. */
export interface VolumeUses {
  readonly block: boolean;
  readonly modes: ReadonlySet<AccessMode>;
}

/** What is known of a driver. */
export interface TestDriverFacts {
  readonly name: string;
  readonly capabilities: ReadonlySet<Capability>;
  /** What its node tells of itself. */
  readonly node: { readonly maxVolumes: bigint; readonly topologyKeys: readonly string[] };
  /** Its object CSIDriver; absent where that is not known. */
  readonly spec?: CSIDriverSpec;
  /** Absent where that is not known: the modes of one node, no block devices. */
  readonly uses?: VolumeUses;
  /** Beside the default one. */
  readonly fsTypes: readonly string[];
}

/** What a driver does not tell of itself. */
export interface TestDriverOptions {
  /** The smallest volume that tests may make, a quantity. Default: `1Mi`. */
  readonly minSize?: string;
  /** The largest. Default: no limit. */
  readonly maxSize?: string;
  /** File systems that tests shall ask for, beside the default one. Default: those of a typed driver's features. */
  readonly fsTypes?: readonly string[];
  /** A StorageClass of the cluster. Default: one without parameters that the suite makes. */
  readonly storageClass?: string;
  /** A VolumeSnapshotClass of the cluster. Default: as above. */
  readonly snapshotClass?: string;
  /** A VolumeGroupSnapshotClass of the cluster. Default: as above. */
  readonly groupSnapshotClass?: string;
  /** A VolumeAttributesClass of the cluster. Default: none, and changes of attributes are not tested. */
  readonly attributesClass?: string;
  /** Attributes of inline volumes, for drivers that serve such. Default: none. */
  readonly inlineAttributes?: Readonly<Record<string, string>>;
  /** Capabilities that are set by hand, over what the driver tells. Default: none. */
  readonly set?: Readonly<Partial<Record<TestCapability, boolean>>>;
}

/** The test-driver file of a driver. Pure. */
export function planTestDriver(facts: TestDriverFacts, options: TestDriverOptions = {}): TestDriverFile {
  const { name, capabilities, node, spec } = facts;
  const has = (one: Capability) => capabilities.has(one);
  const isProvisioned = has("controller CREATE_DELETE_VOLUME");
  const { minSize = "1Mi", maxSize, fsTypes = facts.fsTypes, attributesClass } = options;
  const hasTopology = has("plugin VOLUME_ACCESSIBILITY_CONSTRAINTS");
  const isInline = spec?.volumeLifecycleModes?.includes("Ephemeral") === true;
  return {
    ...(isProvisioned ? { StorageClass: classOf(options.storageClass) } : {}),
    ...(has("controller CREATE_DELETE_SNAPSHOT") ? { SnapshotClass: classOf(options.snapshotClass) } : {}),
    ...(hasGroups(facts) ? { GroupSnapshotClass: classOf(options.groupSnapshotClass) } : {}),
    ...(attributesClass !== undefined && has("controller MODIFY_VOLUME")
      ? { VolumeAttributesClass: { FromExistingClassName: attributesClass } }
      : {}),
    DriverInfo: {
      Name: name,
      SupportedSizeRange: { Min: minSize, ...(maxSize === undefined ? {} : { Max: maxSize }) },
      SupportedFsType: Object.fromEntries(["", ...fsTypes].map((one) => [one, {}])),
      ...(hasTopology && node.topologyKeys.length > 0 ? { TopologyKeys: node.topologyKeys } : {}),
      Capabilities: { ...toldBy(facts), ...options.set },
    },
    ...(isInline ? { InlineVolumes: [{ Attributes: { ...options.inlineAttributes } }] } : {}),
  };
}

function classOf(name: string | undefined): TestClass {
  return name === undefined ? { FromName: true } : { FromExistingClassName: name };
}

function hasGroups({ capabilities }: TestDriverFacts): boolean {
  return capabilities.has("group CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT");
}

/** What the driver says of itself, in the suite's words. */
function toldBy(facts: TestDriverFacts): Record<TestCapability, boolean> {
  const { capabilities, spec, uses, node } = facts;
  const has = (one: Capability) => capabilities.has(one);
  const grows = has("controller EXPAND_VOLUME") || has("node EXPAND_VOLUME");
  const mountGroup = has("node VOLUME_MOUNT_GROUP");
  const isTopological = has("plugin VOLUME_ACCESSIBILITY_CONSTRAINTS");
  return {
    persistence: has("controller CREATE_DELETE_VOLUME"),
    block: uses?.block === true,
    // Without its CSIDriver object a driver has the policy that Kubernetes gives it.
    fsGroup: mountGroup || (spec?.fsGroupPolicy ?? "ReadWriteOnceWithFSType") !== "None",
    volumeMountGroup: mountGroup,
    exec: true,
    snapshotDataSource: has("controller CREATE_DELETE_SNAPSHOT"),
    snapshotMetadata: has("plugin SNAPSHOT_METADATA_SERVICE"),
    groupSnapshot: hasGroups(facts),
    pvcDataSource: has("controller CLONE_VOLUME"),
    // Two pods of a node with one volume: what a driver may refuse that does not tell the modes of one node apart.
    multipods: has("node SINGLE_NODE_MULTI_WRITER"),
    RWX: uses?.modes.has(AccessMode.MULTI_NODE_MULTI_WRITER) === true,
    capReadOnlyMany: uses?.modes.has(AccessMode.MULTI_NODE_READER_ONLY) === true,
    readWriteOncePod: has("controller SINGLE_NODE_MULTI_WRITER") || has("node SINGLE_NODE_MULTI_WRITER"),
    // So do all drivers that know volumes by their ids alone.
    multiplePVsSameID: true,
    controllerExpansion: has("controller EXPAND_VOLUME"),
    nodeExpansion: has("node EXPAND_VOLUME"),
    offlineExpansion: grows,
    onlineExpansion: grows && !has("expansion OFFLINE"),
    volumeLimits: node.maxVolumes > 0n,
    singleNodeVolume: false,
    topology: isTopological && node.topologyKeys.length > 0,
    capacity: has("controller GET_CAPACITY") && spec?.storageCapacity === true,
    FSResizeFromSourceNotSupported: false,
    seLinuxMount: spec?.seLinuxMount === true,
  };
}
