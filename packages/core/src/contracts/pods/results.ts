import type { MessageInitShape } from "@bufbuild/protobuf";
import type { GetPodResponseSchema, ListPodsResponseSchema, WatchPodsEventSchema } from "./gen/v1alpha1_pb.ts";

/** What `Pods.watchPods` yields. */
export type WatchPodsResult = MessageInitShape<typeof WatchPodsEventSchema>;

/** What `Pods.listPods` returns. */
export type ListPodsResult = MessageInitShape<typeof ListPodsResponseSchema>;

/** What `Pods.getPod` returns. */
export type GetPodResult = MessageInitShape<typeof GetPodResponseSchema>;
