// gRPC's own health service v1.

export { Health, HealthCheckResponse_ServingStatus as ServingStatus } from "./gen/v1_pb.ts";

// What a call carries, as it is received.

export type {
  HealthCheckRequest,
  HealthCheckResponse,
  HealthListRequest,
  HealthListResponse,
} from "./gen/v1_pb.ts";

// What a handler returns.

export type { HealthCheckResult, HealthListResult } from "./results.ts";

// Schemas, for kits and proxies: handlers need none.

export {
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
  HealthListRequestSchema,
  HealthListResponseSchema,
} from "./gen/v1_pb.ts";
