import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HealthCheckResponseSchema, HealthListResponseSchema } from "./gen/v1_pb.ts";

/** What `Health.check` returns, and `Health.watch` yields. */
export type HealthCheckResult = MessageInitShape<typeof HealthCheckResponseSchema>;

/** What `Health.list` returns. */
export type HealthListResult = MessageInitShape<typeof HealthListResponseSchema>;
