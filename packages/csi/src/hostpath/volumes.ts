import { readFileSync } from "node:fs";
import { basename } from "node:path";
import type { CreateVolumeRequest, VolumeContentSource } from "@kx/core/contracts/csi";
import { csiError } from "../driver/csi-error.ts";
import type { ControllerHandlers } from "../driver/csi-handlers.ts";
import { findLoops, refreshLoops } from "../mount/loop-devices.ts";
import { copyContent, growImage, makeFolder, makeImage } from "./contents.ts";
import type { Environment } from "./environment.ts";
import type { Found } from "./folders.ts";
import { withFrozen } from "./freeze.ts";
import { pageOf } from "./pages.ts";
import { checkMutable, kindAskedFor } from "./parameters.ts";
import { refuseOtherPlaces } from "./places.ts";
import { capacityOf, nodesOf, packVolume, snapshotOf, unpackVolume, volumeOf } from "./volume-data.ts";

const gibibyte = 1024n ** 3n;

type VolumeHandlers = Pick<
  ControllerHandlers,
  | "createVolume"
  | "deleteVolume"
  | "listVolumes"
  | "controllerGetVolume"
  | "controllerExpandVolume"
  | "controllerModifyVolume"
  | "getCapacity"
>;

/** Volumes as the controller sees them. */
export function volumeHandlers(env: Environment): VolumeHandlers {
  const { folders, isSynced, state, options, topology } = env;
  return {
    async createVolume(request, ctx) {
      const wanted = kindAskedFor(request.parameters, request.volumeCapabilities);
      const mutableParameters = checkMutable(request.mutableParameters);
      refuseOtherPlaces(request.accessibilityRequirements, topology);
      const source = await findSource(env, request.volumeContentSource);
      if (source !== undefined && source.content.kind !== wanted) {
        throw csiError(
          "INVALID_ARGUMENT",
          `the source is kept as ${source.content.kind}, the volume would be as ${wanted}`,
        );
      }
      const capacityBytes = sizeFor(request, source?.sizeBytes ?? 0n);
      // What a crash left of the same request is taken over: it is whole, and nobody has seen it.
      const volumeId = ctx.fingerprint.slice(0, 32);
      const reserved = env.capacity().take(capacityBytes);
      try {
        if (folders.find("volumes", volumeId) === undefined) {
          await folders.add("volumes", volumeId, (path) => fill(path, wanted, capacityBytes, source, isSynced));
        }
        if (wanted === "image") await growImage(folders.pathOf("volumes", volumeId), capacityBytes, isSynced);
      } catch (error) {
        reserved.giveBack();
        throw error;
      }
      ctx.keep(packVolume({ kind: wanted, mutableParameters }));
      return {
        volume: {
          volumeId,
          capacityBytes,
          volumeContext: { backing: wanted === "image" ? "image" : "directory" },
          accessibleTopology: [topology],
          ...(request.volumeContentSource === undefined ? {} : { contentSource: request.volumeContentSource }),
        },
      };
    },

    async deleteVolume({ volumeId }, ctx) {
      const found = folders.find("volumes", volumeId);
      // The kit knows of attachments and publications; staging shows here alone.
      if (found !== undefined && (await isStaged(env, found))) {
        throw csiError("IN_USE", `the volume ${volumeId} is staged on this node`, { remedy: "unstage it first" });
      }
      await folders.remove("volumes", volumeId);
      if (ctx.stored !== undefined) env.capacity().free(capacityOf(ctx.stored));
    },

    async listVolumes(request) {
      const { objects, nextToken } = await pageOf(state, "volume", request);
      return {
        entries: objects.flatMap((stored) => {
          const volume = volumeOf(stored);
          return volume === undefined ? [] : [{ volume, status: { publishedNodeIds: nodesOf(stored) } }];
        }),
        nextToken,
      };
    },

    async controllerGetVolume({ volumeId }, { stored }) {
      const volume = stored === undefined ? undefined : volumeOf(stored);
      if (stored === undefined || volume === undefined) throw csiError("NOT_FOUND", `there is no volume ${volumeId}`);
      return { volume, status: { publishedNodeIds: nodesOf(stored) } };
    },

    async controllerExpandVolume({ volumeId, capacityRange }, { stored }) {
      const found = folders.find("volumes", volumeId);
      if (found === undefined || stored === undefined) throw csiError("NOT_FOUND", `there is no volume ${volumeId}`);
      const capacityBytes = capacityRange?.requiredBytes ?? 0n;
      const reserved = env.capacity().take(capacityBytes - capacityOf(stored));
      try {
        if (found.kind === "image") {
          await growImage(found.path, capacityBytes, isSynced);
          await refreshLoops(found.path);
        }
      } catch (error) {
        reserved.giveBack();
        throw error;
      }
      return { capacityBytes, nodeExpansionRequired: found.kind === "image" };
    },

    async controllerModifyVolume({ mutableParameters }, ctx) {
      const before = unpackVolume(ctx.stored);
      const changed = { ...before.mutableParameters, ...checkMutable(mutableParameters) };
      ctx.keep(packVolume({ ...before, mutableParameters: changed }));
    },

    async getCapacity({ accessibleTopology }) {
      const segments = Object.entries(accessibleTopology?.segments ?? {});
      if (segments.some(([key, value]) => topology.segments[key] !== value)) return { availableCapacity: 0n };
      const availableCapacity =
        env.capacity().availableBytes ?? (await env.mounter.statfs("", options.stateDir)).availableBytes;
      return { availableCapacity, maximumVolumeSize: availableCapacity };
    },
  };
}

async function isStaged({ mounter }: Environment, { kind, path }: Found): Promise<boolean> {
  if (kind === "image") return (await findLoops(path)).length > 0;
  // The kernel names a bound folder by its path, whose last part is of this volume alone: most often nobody does.
  if (!readFileSync("/proc/self/mountinfo", "utf8").includes(basename(path))) return false;
  return (await mounter.boundAt(path)).length > 0;
}

interface Source {
  readonly content: Found;
  readonly sizeBytes: bigint;
  readonly volumeId?: string;
}

async function findSource(
  { folders, state, topology }: Environment,
  source: VolumeContentSource | undefined,
): Promise<Source | undefined> {
  if (source?.type.case === undefined) return undefined;
  const { type } = source;
  const [shelf, id] =
    type.case === "volume"
      ? (["volumes", type.value.volumeId] as const)
      : (["snapshots", type.value.snapshotId] as const);
  const kind = shelf === "volumes" ? "volume" : "snapshot";
  const [content, stored] = [folders.find(shelf, id), await state.get(kind, id)];
  if (content === undefined || stored === undefined) throw csiError("NOT_FOUND", `there is no ${kind} ${id}`);
  if (kind === "volume") return { content, sizeBytes: capacityOf(stored), volumeId: id };
  return { content, sizeBytes: snapshotOf(stored, topology)?.sizeBytes ?? 0n };
}

async function fill(
  path: string,
  kind: Found["kind"],
  capacityBytes: bigint,
  source: Source | undefined,
  isSynced: boolean,
): Promise<void> {
  if (source === undefined) {
    return kind === "folder" ? makeFolder(path) : makeImage(path, capacityBytes, isSynced);
  }
  const copy = () => copyContent(source.content.path, path, isSynced);
  // A snapshot does not change; a volume may be in use.
  return source.volumeId === undefined ? copy() : withFrozen([source.content], copy);
}

function sizeFor({ capacityRange }: CreateVolumeRequest, sourceBytes: bigint): bigint {
  const { requiredBytes = 0n, limitBytes = 0n } = capacityRange ?? {};
  const usual = sourceBytes > 0n ? sourceBytes : gibibyte;
  const wanted = requiredBytes > 0n ? requiredBytes : limitBytes > 0n && limitBytes < usual ? limitBytes : usual;
  const size = wanted > sourceBytes ? wanted : sourceBytes;
  if (limitBytes > 0n && size > limitBytes) {
    throw csiError("OUT_OF_RANGE", `the source needs ${size} bytes, at most ${limitBytes} are allowed`);
  }
  return size;
}
