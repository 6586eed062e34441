import { type FileHandle, open } from "node:fs/promises";
import { BlockMetadataType } from "@kx/core/contracts/csi";
import { csiError } from "../driver/csi-error.ts";
import type { SnapshotMetadataHandlers } from "../driver/csi-handlers.ts";
import { type BlockRange, dataRanges, differentRanges } from "./block-ranges.ts";
import type { Environment } from "./environment.ts";
import { snapshotOf } from "./volume-data.ts";

interface Asked {
  readonly startingOffset: bigint;
  /** 0: as many as the driver likes. */
  readonly maxResults: number;
}

const usualResults = 256;

/** What a backup has to read: the blocks of a snapshot that hold data, and those that changed since another. */
export function metadataHandlers(env: Environment): SnapshotMetadataHandlers {
  return {
    async *getMetadataAllocated({ snapshotId, ...asked }, { signal }) {
      await using image = await openImage(env, snapshotId);
      const start = startOf(asked, image.sizeBytes);
      yield* pages(dataRanges(image.file, start, signal), image.sizeBytes, asked);
    },
    async *getMetadataDelta({ baseSnapshotId, targetSnapshotId, ...asked }, { signal }) {
      await using base = await openImage(env, baseSnapshotId);
      await using target = await openImage(env, targetSnapshotId);
      if (base.sourceVolumeId !== target.sourceVolumeId) {
        throw csiError("INVALID_ARGUMENT", "the snapshots are of two volumes");
      }
      const start = startOf(asked, target.sizeBytes);
      yield* pages(differentRanges(base.file, target.file, start, signal), target.sizeBytes, asked);
    },
  };
}

interface Image extends AsyncDisposable {
  readonly file: FileHandle;
  readonly sizeBytes: bigint;
  readonly sourceVolumeId: string;
}

async function openImage({ folders, state, topology }: Environment, snapshotId: string): Promise<Image> {
  const [found, stored] = [folders.find("snapshots", snapshotId), await state.get("snapshot", snapshotId)];
  const snapshot = stored === undefined ? undefined : snapshotOf(stored, topology);
  if (found === undefined || snapshot === undefined) {
    throw csiError("NOT_FOUND", `there is no snapshot ${JSON.stringify(snapshotId)}`);
  }
  if (found.kind === "folder") {
    throw csiError("INVALID_ARGUMENT", `the snapshot ${snapshotId} is of a folder, which has no blocks`);
  }
  const file = await open(found.path, "r");
  const { sizeBytes } = found;
  return { file, sizeBytes, sourceVolumeId: snapshot.sourceVolumeId, [Symbol.asyncDispose]: () => file.close() };
}

function startOf({ startingOffset }: Asked, sizeBytes: bigint): number {
  if (startingOffset >= 0n && startingOffset <= sizeBytes) return Number(startingOffset);
  throw csiError(
    "OUT_OF_RANGE",
    `starting_offset ${startingOffset} is not within the ${sizeBytes} bytes of the volume`,
  );
}

/** At least one message, as it tells the volume's size. */
async function* pages(ranges: AsyncGenerator<BlockRange>, sizeBytes: bigint, { maxResults }: Asked) {
  const most = maxResults > 0 ? maxResults : usualResults;
  const message = (blockMetadata: BlockRange[]) => ({
    blockMetadataType: BlockMetadataType.VARIABLE_LENGTH,
    volumeCapacityBytes: sizeBytes,
    blockMetadata,
  });
  let page: BlockRange[] = [];
  let isFirst = true;
  for await (const range of ranges) {
    page.push(range);
    if (page.length < most) continue;
    yield message(page);
    isFirst = false;
    page = [];
  }
  if (page.length > 0 || isFirst) yield message(page);
}
