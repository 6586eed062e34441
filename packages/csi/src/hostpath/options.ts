import type { Schema } from "@kx/core";
import { miniSchema } from "@kx/core/config";
import { parseQuantity } from "@kx/core/units";
import * as z from "zod/mini";
import { given } from "../given.ts";

/** How the hostpath driver keeps volumes. */
export interface HostpathOptions {
  /** The node's name in topologies and attachments. */
  readonly nodeId: string;
  /** Folder of volumes, snapshots and what is known of them. */
  readonly stateDir: string;
  /** The driver's name. Default: `hostpath.csi.kx.dev`. */
  readonly name?: string;
  /** Which services this process is for; of several on one folder, one only has the controller. Default: `all`. */
  readonly mode?: "controller" | "node" | "all";
  /** How many bytes all volumes may have together. Default: no limit, and the disk's free space is told. */
  readonly capacityBytes?: bigint;
  /** Volumes have to be attached to the node before use. Default: false. */
  readonly attach?: boolean;
  /** How many volumes the node can have attached. Default: no limit. */
  readonly maxVolumesPerNode?: number;
  /** The kubelet's folder: volumes are mounted nowhere else, and no link is followed there. Default: anywhere. */
  readonly kubeletDir?: string;
  /** What volumes outlive: `fsync` a loss of power, `rename` the end of the process. Default: `fsync`. */
  readonly durability?: "fsync" | "rename";
  /** Keeps pods with its volumes off nodes that have not the driver, where Kubernetes can do so. Default: false. */
  readonly preventPodSchedulingIfMissing?: boolean;
}

const path = (what: string) => z.string().check(z.startsWith("/", "must be an absolute path"), z.describe(what));
const bytes = z.pipe(
  z.string().check(z.refine(isSize, "must be a size such as 100Gi")),
  z.transform((text) => parseQuantity(text).nanos / 1_000_000_000n),
);

/** What a program that serves the driver is told, beside the options of `runCsiDriver`. */
export const hostpathShape = {
  nodeId: z
    .string()
    .check(z.minLength(1), z.maxLength(192), z.describe("The node's name in topologies and attachments.")),
  stateDir: path("Folder of volumes, snapshots and what is known of them."),
  driverName: z.prefault(z.string().check(z.describe("The driver's name.")), "hostpath.csi.kx.dev"),
  mode: z.prefault(
    z.enum(["controller", "node", "all"]).check(z.describe("Which services this process serves.")),
    "all",
  ),
  capacity: z.optional(bytes.check(z.describe("What all volumes may have together. Default: no limit."))),
  attach: z.prefault(z.boolean().check(z.describe("Volumes have to be attached to the node before use.")), false),
  maxVolumesPerNode: z.optional(
    z.int().check(z.positive(), z.describe("How many volumes the node can have attached. Default: no limit.")),
  ),
  kubeletDir: z.optional(
    path("The kubelet's folder: volumes are mounted nowhere else, and no link is followed there."),
  ),
  durability: z.prefault(
    z
      .enum(["fsync", "rename"])
      .check(z.describe("What volumes outlive: fsync a loss of power, rename the end of the process.")),
    "fsync",
  ),
} as const;

const fields = z.strictObject(hostpathShape);

/** Flags of a program as options of the driver. */
export function hostpathOptions(flags: z.output<typeof fields>): HostpathOptions {
  const { driverName, capacity, maxVolumesPerNode, kubeletDir, ...rest } = flags;
  return {
    ...rest,
    name: driverName,
    ...(capacity === undefined ? {} : { capacityBytes: capacity }),
    ...(maxVolumesPerNode === undefined ? {} : { maxVolumesPerNode }),
    ...(kubeletDir === undefined ? {} : { kubeletDir }),
  };
}

/** The driver's options in a host's configuration: it serves all on each node. */
export interface HostpathExtensionOptions extends Omit<HostpathOptions, "nodeId" | "mode"> {
  /** Default: the name of the host's node. */
  readonly nodeId?: string;
}

const { mode: _, ...hostedShape } = hostpathShape;
const hosted = z.strictObject({
  ...hostedShape,
  nodeId: z.optional(hostpathShape.nodeId),
  stateDir: z.prefault(hostpathShape.stateDir, "/var/lib/kx/hostpath"),
  kubeletDir: z.prefault(path("The kubelet's folder."), "/var/lib/kubelet"),
  preventPodSchedulingIfMissing: z.optional(
    z.boolean().check(z.describe("Keep pods with its volumes off nodes that have not the driver.")),
  ),
});

/** The options in a host's configuration. */
export const hostpathSchema: Schema<HostpathExtensionOptions> = miniSchema(
  z.pipe(
    hosted,
    z.transform(({ nodeId, preventPodSchedulingIfMissing, ...rest }): HostpathExtensionOptions => {
      const { nodeId: _none, mode: _all, ...options } = hostpathOptions({ ...rest, nodeId: "", mode: "all" });
      return { ...options, ...given({ nodeId, preventPodSchedulingIfMissing }) };
    }),
  ),
);

function isSize(text: string): boolean {
  try {
    return parseQuantity(text).nanos >= 1_000_000_000n;
  } catch {
    return false;
  }
}
