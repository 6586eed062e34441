import type { MessageInitShape } from "@bufbuild/protobuf";
import type { NodeWatchResourcesResponseSchema } from "./gen/health-v1_pb.ts";
import type { NodePrepareResourcesResponseSchema, NodeUnprepareResourcesResponseSchema } from "./gen/v1_pb.ts";

/** What `DRAPlugin.nodePrepareResources` returns. */
export type NodePrepareResourcesResult = MessageInitShape<typeof NodePrepareResourcesResponseSchema>;

/** What `DRAPlugin.nodeUnprepareResources` returns. */
export type NodeUnprepareResourcesResult = MessageInitShape<typeof NodeUnprepareResourcesResponseSchema>;

/** What `DRAResourceHealth.nodeWatchResources` yields. */
export type NodeWatchResourcesResult = MessageInitShape<typeof NodeWatchResourcesResponseSchema>;
