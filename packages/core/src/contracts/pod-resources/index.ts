// The kubelet's pod resources API v1: which pod holds which devices, processors and memory.

export { PodResourcesLister } from "./gen/v1_pb.ts";

// What a call carries, as it is received.

export type {
  AllocatableResourcesRequest,
  AllocatableResourcesResponse,
  CDIDevice,
  ClaimResource,
  ContainerDevices,
  ContainerMemory,
  ContainerResources,
  DynamicResource,
  GetPodResourcesRequest,
  GetPodResourcesResponse,
  ListPodResourcesRequest,
  ListPodResourcesResponse,
  NUMANode,
  PodResources,
  TopologyInfo,
} from "./gen/v1_pb.ts";

// What a handler returns.

export type { AllocatableResourcesResult, GetPodResourcesResult, ListPodResourcesResult } from "./results.ts";

// Schemas, for kits and proxies: handlers need none.

export {
  AllocatableResourcesRequestSchema,
  AllocatableResourcesResponseSchema,
  CDIDeviceSchema,
  ClaimResourceSchema,
  ContainerDevicesSchema,
  ContainerMemorySchema,
  ContainerResourcesSchema,
  DynamicResourceSchema,
  GetPodResourcesRequestSchema,
  GetPodResourcesResponseSchema,
  ListPodResourcesRequestSchema,
  ListPodResourcesResponseSchema,
  NUMANodeSchema,
  PodResourcesSchema,
  TopologyInfoSchema,
} from "./gen/v1_pb.ts";
