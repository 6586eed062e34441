import { fromJson } from "@bufbuild/protobuf";
import {
  CreateSnapshotResponseSchema,
  CreateVolumeResponseSchema,
  type Snapshot,
  type Volume,
} from "@kx/core/contracts/csi";
import type { JsonRecord, StoredObject } from "../driver/volume-state.ts";
import type { Place } from "./places.ts";

/** What the driver keeps of a volume beside its content and what the kit keeps. */
export interface VolumeData {
  /** A folder of the node's disk, or an image that limits its size. */
  readonly kind: "folder" | "image";
  /** As they were set last by a VolumeAttributesClass. */
  readonly mutableParameters: Readonly<Record<string, string>>;
}

/** As it is stored. */
export function packVolume({ kind, mutableParameters }: VolumeData): JsonRecord {
  return { kind, mutableParameters };
}

export function unpackVolume(stored: StoredObject | undefined): VolumeData {
  // Written by `packVolume` alone.
  const { kind = "folder", mutableParameters = {} } = (stored?.data ?? {}) as unknown as Partial<VolumeData>;
  return { kind, mutableParameters };
}

/** What callers were told of a volume, as it is now. */
export function volumeOf(stored: StoredObject): Volume | undefined {
  return fromJson(CreateVolumeResponseSchema, stored.response ?? {}).volume;
}

/** What is known of a snapshot, with its place. */
export function snapshotOf({ response = {} }: StoredObject, { segments }: Place): Snapshot | undefined {
  const known = response["snapshot"] as JsonRecord | undefined;
  if (known === undefined) return undefined;
  return fromJson(CreateSnapshotResponseSchema, { snapshot: { ...known, accessibleTopology: [{ segments }] } })
    .snapshot;
}

/** A volume's size, read as cheaply as can be. */
export function capacityOf({ response }: StoredObject): bigint {
  const { volume } = (response ?? {}) as { readonly volume?: { readonly capacityBytes?: string } };
  return BigInt(volume?.capacityBytes ?? 0);
}

/** The nodes that a volume is attached to. */
export function nodesOf({ attachments = {} }: StoredObject): string[] {
  return Object.keys(attachments);
}
