// Dynamic resource allocation: the kubelet's calls to a driver, v1 and v1beta1, and device health, v1 and v1alpha1.

export { DRAResourceHealth, HealthStatus } from "./gen/health-v1_pb.ts";
export { DRAResourceHealth as DRAResourceHealthV1Alpha1 } from "./gen/health-v1alpha1_pb.ts";
export { DRAPlugin } from "./gen/v1_pb.ts";
export { DRAPlugin as DRAPluginV1Beta1 } from "./gen/v1beta1_pb.ts";

// What a call carries, as it is received.

export type {
  DeviceHealth,
  DeviceIdentifier,
  NodeWatchResourcesRequest,
  NodeWatchResourcesResponse,
} from "./gen/health-v1_pb.ts";
export type {
  Claim,
  Device,
  NodePrepareResourceResponse,
  NodePrepareResourcesRequest,
  NodePrepareResourcesResponse,
  NodeUnprepareResourceResponse,
  NodeUnprepareResourcesRequest,
  NodeUnprepareResourcesResponse,
} from "./gen/v1_pb.ts";

// What a handler returns.

export type { NodePrepareResourcesResult, NodeUnprepareResourcesResult, NodeWatchResourcesResult } from "./results.ts";

// Schemas, for kits and proxies: handlers need none.

export {
  DeviceHealthSchema,
  DeviceIdentifierSchema,
  NodeWatchResourcesRequestSchema,
  NodeWatchResourcesResponseSchema,
} from "./gen/health-v1_pb.ts";
export {
  ClaimSchema,
  DeviceSchema,
  NodePrepareResourceResponseSchema,
  NodePrepareResourcesRequestSchema,
  NodePrepareResourcesResponseSchema,
  NodeUnprepareResourceResponseSchema,
  NodeUnprepareResourcesRequestSchema,
  NodeUnprepareResourcesResponseSchema,
} from "./gen/v1_pb.ts";

// The older versions.

export type {
  DeviceHealth as DeviceHealthV1Alpha1,
  DeviceIdentifier as DeviceIdentifierV1Alpha1,
  NodeWatchResourcesRequest as NodeWatchResourcesRequestV1Alpha1,
  NodeWatchResourcesResponse as NodeWatchResourcesResponseV1Alpha1,
} from "./gen/health-v1alpha1_pb.ts";
export {
  HealthStatus as HealthStatusV1Alpha1,
  NodeWatchResourcesRequestSchema as NodeWatchResourcesRequestV1Alpha1Schema,
  NodeWatchResourcesResponseSchema as NodeWatchResourcesResponseV1Alpha1Schema,
} from "./gen/health-v1alpha1_pb.ts";
export type {
  Claim as ClaimV1Beta1,
  Device as DeviceV1Beta1,
  NodePrepareResourceResponse as NodePrepareResourceResponseV1Beta1,
  NodePrepareResourcesRequest as NodePrepareResourcesRequestV1Beta1,
  NodePrepareResourcesResponse as NodePrepareResourcesResponseV1Beta1,
  NodeUnprepareResourceResponse as NodeUnprepareResourceResponseV1Beta1,
  NodeUnprepareResourcesRequest as NodeUnprepareResourcesRequestV1Beta1,
  NodeUnprepareResourcesResponse as NodeUnprepareResourcesResponseV1Beta1,
} from "./gen/v1beta1_pb.ts";
export {
  NodePrepareResourcesRequestSchema as NodePrepareResourcesRequestV1Beta1Schema,
  NodePrepareResourcesResponseSchema as NodePrepareResourcesResponseV1Beta1Schema,
  NodeUnprepareResourcesRequestSchema as NodeUnprepareResourcesRequestV1Beta1Schema,
  NodeUnprepareResourcesResponseSchema as NodeUnprepareResourcesResponseV1Beta1Schema,
} from "./gen/v1beta1_pb.ts";
