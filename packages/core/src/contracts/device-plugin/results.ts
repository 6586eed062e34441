import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  AllocateResponseSchema,
  DevicePluginOptionsSchema,
  ListAndWatchResponseSchema,
  PreferredAllocationResponseSchema,
  PreStartContainerResponseSchema,
} from "./gen/v1beta1_pb.ts";

/** What `DevicePlugin.getDevicePluginOptions` returns. */
export type GetDevicePluginOptionsResult = MessageInitShape<typeof DevicePluginOptionsSchema>;

/** What `DevicePlugin.listAndWatch` yields. */
export type ListAndWatchResult = MessageInitShape<typeof ListAndWatchResponseSchema>;

/** What `DevicePlugin.getPreferredAllocation` returns. */
export type PreferredAllocationResult = MessageInitShape<typeof PreferredAllocationResponseSchema>;

/** What `DevicePlugin.allocate` returns. */
export type AllocateResult = MessageInitShape<typeof AllocateResponseSchema>;

/** What `DevicePlugin.preStartContainer` returns. */
export type PreStartContainerResult = MessageInitShape<typeof PreStartContainerResponseSchema>;
