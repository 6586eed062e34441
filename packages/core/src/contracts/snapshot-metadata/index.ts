// The API of kubernetes-csi/external-snapshot-metadata 1.1: which blocks of a snapshot a backup has to read.

export { BlockMetadataType, SnapshotMetadata } from "./gen/v1_pb.ts";

// What a call carries, as it is received.

export type {
  BlockMetadata,
  GetMetadataAllocatedRequest,
  GetMetadataAllocatedResponse,
  GetMetadataDeltaRequest,
  GetMetadataDeltaResponse,
} from "./gen/v1_pb.ts";

// What a handler yields.

export type { GetMetadataAllocatedResult, GetMetadataDeltaResult } from "./results.ts";

// Schemas, for kits and proxies: handlers need none.

export {
  BlockMetadataSchema,
  GetMetadataAllocatedRequestSchema,
  GetMetadataAllocatedResponseSchema,
  GetMetadataDeltaRequestSchema,
  GetMetadataDeltaResponseSchema,
} from "./gen/v1_pb.ts";
