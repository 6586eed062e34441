export type { SnapshotMetadataOptions } from "./options.ts";
export type { BlockRange } from "./pages.ts";
export { SnapshotMetadataService, snapshotMetadataCrd } from "./resources.ts";
export {
  type BlockPage,
  type ReadBlocksOptions,
  type SnapshotBlocks,
  type SnapshotBlocksOptions,
  serviceAccountToken,
  snapshotBlocks,
} from "./snapshot-blocks.ts";
