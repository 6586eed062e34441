import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  AttachResponseSchema,
  CheckpointContainerResponseSchema,
  CheckpointPodResponseSchema,
  ContainerEventResponseSchema,
  ContainerStatsResponseSchema,
  ContainerStatusResponseSchema,
  CreateContainerResponseSchema,
  ExecResponseSchema,
  ExecSyncResponseSchema,
  ImageFsInfoResponseSchema,
  ImageStatusResponseSchema,
  ListContainerStatsResponseSchema,
  ListContainersResponseSchema,
  ListImagesResponseSchema,
  ListMetricDescriptorsResponseSchema,
  ListPodSandboxMetricsResponseSchema,
  ListPodSandboxResponseSchema,
  ListPodSandboxStatsResponseSchema,
  PodSandboxStatsResponseSchema,
  PodSandboxStatusResponseSchema,
  PortForwardResponseSchema,
  PullImageResponseSchema,
  RemoveContainerResponseSchema,
  RemoveImageResponseSchema,
  RemovePodSandboxResponseSchema,
  ReopenContainerLogResponseSchema,
  RestorePodResponseSchema,
  RunPodSandboxResponseSchema,
  RuntimeConfigResponseSchema,
  StartContainerResponseSchema,
  StatusResponseSchema,
  StopContainerResponseSchema,
  StopPodSandboxResponseSchema,
  StreamContainerStatsResponseSchema,
  StreamContainersResponseSchema,
  StreamImagesResponseSchema,
  StreamPodSandboxesResponseSchema,
  StreamPodSandboxMetricsResponseSchema,
  StreamPodSandboxStatsResponseSchema,
  UpdateContainerResourcesResponseSchema,
  UpdatePodSandboxResourcesResponseSchema,
  UpdateRuntimeConfigResponseSchema,
  VersionResponseSchema,
} from "./gen/v1_pb.ts";

/** What `RuntimeService.version` returns. */
export type VersionResult = MessageInitShape<typeof VersionResponseSchema>;

/** What `RuntimeService.runPodSandbox` returns. */
export type RunPodSandboxResult = MessageInitShape<typeof RunPodSandboxResponseSchema>;

/** What `RuntimeService.stopPodSandbox` returns. */
export type StopPodSandboxResult = MessageInitShape<typeof StopPodSandboxResponseSchema>;

/** What `RuntimeService.removePodSandbox` returns. */
export type RemovePodSandboxResult = MessageInitShape<typeof RemovePodSandboxResponseSchema>;

/** What `RuntimeService.podSandboxStatus` returns. */
export type PodSandboxStatusResult = MessageInitShape<typeof PodSandboxStatusResponseSchema>;

/** What `RuntimeService.listPodSandbox` returns. */
export type ListPodSandboxResult = MessageInitShape<typeof ListPodSandboxResponseSchema>;

/** What `RuntimeService.streamPodSandboxes` yields. */
export type StreamPodSandboxesResult = MessageInitShape<typeof StreamPodSandboxesResponseSchema>;

/** What `RuntimeService.createContainer` returns. */
export type CreateContainerResult = MessageInitShape<typeof CreateContainerResponseSchema>;

/** What `RuntimeService.startContainer` returns. */
export type StartContainerResult = MessageInitShape<typeof StartContainerResponseSchema>;

/** What `RuntimeService.stopContainer` returns. */
export type StopContainerResult = MessageInitShape<typeof StopContainerResponseSchema>;

/** What `RuntimeService.removeContainer` returns. */
export type RemoveContainerResult = MessageInitShape<typeof RemoveContainerResponseSchema>;

/** What `RuntimeService.listContainers` returns. */
export type ListContainersResult = MessageInitShape<typeof ListContainersResponseSchema>;

/** What `RuntimeService.streamContainers` yields. */
export type StreamContainersResult = MessageInitShape<typeof StreamContainersResponseSchema>;

/** What `RuntimeService.containerStatus` returns. */
export type ContainerStatusResult = MessageInitShape<typeof ContainerStatusResponseSchema>;

/** What `RuntimeService.updateContainerResources` returns. */
export type UpdateContainerResourcesResult = MessageInitShape<typeof UpdateContainerResourcesResponseSchema>;

/** What `RuntimeService.reopenContainerLog` returns. */
export type ReopenContainerLogResult = MessageInitShape<typeof ReopenContainerLogResponseSchema>;

/** What `RuntimeService.execSync` returns. */
export type ExecSyncResult = MessageInitShape<typeof ExecSyncResponseSchema>;

/** What `RuntimeService.exec` returns. */
export type ExecResult = MessageInitShape<typeof ExecResponseSchema>;

/** What `RuntimeService.attach` returns. */
export type AttachResult = MessageInitShape<typeof AttachResponseSchema>;

/** What `RuntimeService.portForward` returns. */
export type PortForwardResult = MessageInitShape<typeof PortForwardResponseSchema>;

/** What `RuntimeService.containerStats` returns. */
export type ContainerStatsResult = MessageInitShape<typeof ContainerStatsResponseSchema>;

/** What `RuntimeService.listContainerStats` returns. */
export type ListContainerStatsResult = MessageInitShape<typeof ListContainerStatsResponseSchema>;

/** What `RuntimeService.streamContainerStats` yields. */
export type StreamContainerStatsResult = MessageInitShape<typeof StreamContainerStatsResponseSchema>;

/** What `RuntimeService.podSandboxStats` returns. */
export type PodSandboxStatsResult = MessageInitShape<typeof PodSandboxStatsResponseSchema>;

/** What `RuntimeService.listPodSandboxStats` returns. */
export type ListPodSandboxStatsResult = MessageInitShape<typeof ListPodSandboxStatsResponseSchema>;

/** What `RuntimeService.streamPodSandboxStats` yields. */
export type StreamPodSandboxStatsResult = MessageInitShape<typeof StreamPodSandboxStatsResponseSchema>;

/** What `RuntimeService.updateRuntimeConfig` returns. */
export type UpdateRuntimeConfigResult = MessageInitShape<typeof UpdateRuntimeConfigResponseSchema>;

/** What `RuntimeService.status` returns. */
export type StatusResult = MessageInitShape<typeof StatusResponseSchema>;

/** What `RuntimeService.checkpointContainer` returns. */
export type CheckpointContainerResult = MessageInitShape<typeof CheckpointContainerResponseSchema>;

/** What `RuntimeService.checkpointPod` returns. */
export type CheckpointPodResult = MessageInitShape<typeof CheckpointPodResponseSchema>;

/** What `RuntimeService.restorePod` returns. */
export type RestorePodResult = MessageInitShape<typeof RestorePodResponseSchema>;

/** What `RuntimeService.getContainerEvents` yields. */
export type ContainerEventResult = MessageInitShape<typeof ContainerEventResponseSchema>;

/** What `RuntimeService.listMetricDescriptors` returns. */
export type ListMetricDescriptorsResult = MessageInitShape<typeof ListMetricDescriptorsResponseSchema>;

/** What `RuntimeService.listPodSandboxMetrics` returns. */
export type ListPodSandboxMetricsResult = MessageInitShape<typeof ListPodSandboxMetricsResponseSchema>;

/** What `RuntimeService.streamPodSandboxMetrics` yields. */
export type StreamPodSandboxMetricsResult = MessageInitShape<typeof StreamPodSandboxMetricsResponseSchema>;

/** What `RuntimeService.runtimeConfig` returns. */
export type RuntimeConfigResult = MessageInitShape<typeof RuntimeConfigResponseSchema>;

/** What `RuntimeService.updatePodSandboxResources` returns. */
export type UpdatePodSandboxResourcesResult = MessageInitShape<typeof UpdatePodSandboxResourcesResponseSchema>;

/** What `ImageService.listImages` returns. */
export type ListImagesResult = MessageInitShape<typeof ListImagesResponseSchema>;

/** What `ImageService.streamImages` yields. */
export type StreamImagesResult = MessageInitShape<typeof StreamImagesResponseSchema>;

/** What `ImageService.imageStatus` returns. */
export type ImageStatusResult = MessageInitShape<typeof ImageStatusResponseSchema>;

/** What `ImageService.pullImage` returns. */
export type PullImageResult = MessageInitShape<typeof PullImageResponseSchema>;

/** What `ImageService.removeImage` returns. */
export type RemoveImageResult = MessageInitShape<typeof RemoveImageResponseSchema>;

/** What `ImageService.imageFsInfo` returns. */
export type ImageFsInfoResult = MessageInitShape<typeof ImageFsInfoResponseSchema>;
