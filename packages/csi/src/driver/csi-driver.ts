import type { CSIDriverSpec } from "@kx/controllers/api/storage-v1";
import type { Extension, NodeNeeds } from "@kx/core";
import type { ProbeResult } from "@kx/core/contracts/csi";
import type { SnapshotMetadataOptions } from "../snapshot-metadata/options.ts";
import type { CsiContext, CsiInitContext } from "./csi-context.ts";
import type { CsiFeatures } from "./csi-features.ts";
import type { CsiHandlers } from "./csi-handlers.ts";
import type { VolumeState } from "./volume-state.ts";

/**
 * What the cluster is told of a driver: the fields of the object CSIDriver. `attachRequired` is not here, as the handler
 * `controllerPublishVolume` shows it.
 */
export interface CsiDriverObject
  extends Omit<CSIDriverSpec, "attachRequired" | "fsGroupPolicy" | "volumeLifecycleModes"> {
  /** Whether Kubernetes changes owner and mode of a volume's files for `fsGroup`. Default: `ReadWriteOnceWithFSType`. */
  readonly fsGroupPolicy?: "ReadWriteOnceWithFSType" | "File" | "None";
  /** Default: `["Persistent"]`. */
  readonly volumeLifecycleModes?: readonly ("Persistent" | "Ephemeral")[];
}

/** A driver as its author writes it. */
export interface CsiDriverDefinition extends CsiHandlers {
  /** In domain name notation, at most 63 characters: `hostpath.csi.kx.dev`. Volumes refer to it for ever. */
  readonly name: string;
  /** The driver's version. Default: `0.0.0`. */
  readonly version?: string;
  /** Facts for operators, shown by GetPluginInfo. Default: none. */
  readonly manifest?: Readonly<Record<string, string>>;
  /**
   * Where the kit remembers requests, so that no handler has to care for idempotency. Absent: the kit keeps its other rules, and
   * handlers compare what they find with `ctx.fingerprint`.
   */
  readonly state?: VolumeState;
  /** Default: none but `singleNodeMultiWriter`. */
  readonly features?: CsiFeatures;
  /** What the cluster is told. Default: that of Kubernetes for each field. */
  readonly csiDriver?: CsiDriverObject;
  /**
   * Where a host serves the driver. Default: `unix://<kubeletDir>/plugins/<name>/csi.sock` on nodes, and
   * `unix:///run/kx/csi/<name>/csi.sock` beside the control plane.
   */
  readonly endpoints?: { readonly node?: string; readonly controller?: string };
  /**
   * Tells that each node has storage of its own, and where this one is, as NodeGetInfo does: a host then serves the controller's
   * calls on each node, with controllers for its volumes alone, and not beside the control plane. Default: it has not.
   */
  readonly distributed?: {
    readonly segments: Readonly<Record<string, string>>;
    /** The segment that is the node's name: by it an account of the nodes is confined to its own. Default: none is, so it is not. */
    readonly nodeKey?: string;
  };
  /** How the part `snapshot-metadata` serves backup programs, for a driver that has `getMetadataAllocated`. Default: not at all. */
  readonly snapshotMetadata?: SnapshotMetadataOptions;
  /** The kubelet's folder on nodes, where a host registers the driver. Default: `/var/lib/kubelet`. */
  readonly kubeletDir?: string;
  /** What the node's part needs of the node. Default: the kubelet's folder, /dev, and to be allowed to mount. */
  readonly node?: NodeNeeds;
  /**
   * Makes the driver ready. Until it has resolved, Probe says "not ready" and every other call is answered with UNAVAILABLE.
   * If it fails, the driver does not start.
   */
  init?(ctx: CsiInitContext): Promise<void>;
  /** Whether the driver can serve now, asked once `init` is done. Absent: it can. */
  probe?(ctx: CsiContext): Promise<ProbeResult | void>;
}

/** A driver: inert, run by `runCsiDriver` or, as an extension, by a host. */
export interface CsiDriver extends Extension {
  readonly kind: "csi";
  /** The definition, its methods bound. */
  readonly definition: Readonly<CsiDriverDefinition>;
}
