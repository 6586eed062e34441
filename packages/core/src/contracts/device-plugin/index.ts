// The device plug-in API v1beta1 of the kubelet.

export { DevicePlugin, Registration } from "./gen/v1beta1_pb.ts";
export { deviceHealth, devicePluginVersion } from "./values.ts";

// What a call carries, as it is received.

export type {
  AllocateRequest,
  AllocateResponse,
  CDIDevice,
  ContainerAllocateRequest,
  ContainerAllocateResponse,
  ContainerPreferredAllocationRequest,
  ContainerPreferredAllocationResponse,
  Device,
  DevicePluginOptions,
  DeviceSpec,
  Empty,
  ListAndWatchResponse,
  Mount,
  NUMANode,
  PreferredAllocationRequest,
  PreferredAllocationResponse,
  PreStartContainerRequest,
  PreStartContainerResponse,
  RegisterRequest,
  TopologyInfo,
} from "./gen/v1beta1_pb.ts";

// What a handler returns.

export type {
  AllocateResult,
  GetDevicePluginOptionsResult,
  ListAndWatchResult,
  PreferredAllocationResult,
  PreStartContainerResult,
} from "./results.ts";

// Schemas, for kits and proxies: handlers need none.

export {
  AllocateRequestSchema,
  AllocateResponseSchema,
  CDIDeviceSchema,
  ContainerAllocateRequestSchema,
  ContainerAllocateResponseSchema,
  ContainerPreferredAllocationRequestSchema,
  ContainerPreferredAllocationResponseSchema,
  DevicePluginOptionsSchema,
  DeviceSchema,
  DeviceSpecSchema,
  EmptySchema,
  ListAndWatchResponseSchema,
  MountSchema,
  NUMANodeSchema,
  PreferredAllocationRequestSchema,
  PreferredAllocationResponseSchema,
  PreStartContainerRequestSchema,
  PreStartContainerResponseSchema,
  RegisterRequestSchema,
  TopologyInfoSchema,
} from "./gen/v1beta1_pb.ts";
