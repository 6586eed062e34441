// The registration of plug-ins with the kubelet's plug-in watcher, v1.

export { Registration } from "./gen/v1_pb.ts";
export { pluginTypes } from "./values.ts";

// What a call carries, as it is received.

export type { InfoRequest, PluginInfo, RegistrationStatus, RegistrationStatusResponse } from "./gen/v1_pb.ts";

// What a handler returns.

export type { GetInfoResult, RegistrationStatusResult } from "./results.ts";

// Schemas, for kits and proxies: handlers need none.

export {
  InfoRequestSchema,
  PluginInfoSchema,
  RegistrationStatusResponseSchema,
  RegistrationStatusSchema,
} from "./gen/v1_pb.ts";
