import type { MessageInitShape } from "@bufbuild/protobuf";
import type { GetMetadataAllocatedResponseSchema, GetMetadataDeltaResponseSchema } from "./gen/v1_pb.ts";

/** What `SnapshotMetadata.getMetadataAllocated` yields. */
export type GetMetadataAllocatedResult = MessageInitShape<typeof GetMetadataAllocatedResponseSchema>;

/** What `SnapshotMetadata.getMetadataDelta` yields. */
export type GetMetadataDeltaResult = MessageInitShape<typeof GetMetadataDeltaResponseSchema>;
