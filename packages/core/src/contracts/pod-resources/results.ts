import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  AllocatableResourcesResponseSchema,
  GetPodResourcesResponseSchema,
  ListPodResourcesResponseSchema,
} from "./gen/v1_pb.ts";

/** What `PodResourcesLister.list` returns. */
export type ListPodResourcesResult = MessageInitShape<typeof ListPodResourcesResponseSchema>;

/** What `PodResourcesLister.getAllocatableResources` returns. */
export type AllocatableResourcesResult = MessageInitShape<typeof AllocatableResourcesResponseSchema>;

/** What `PodResourcesLister.get` returns. */
export type GetPodResourcesResult = MessageInitShape<typeof GetPodResourcesResponseSchema>;
