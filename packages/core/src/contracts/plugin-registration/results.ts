import type { MessageInitShape } from "@bufbuild/protobuf";
import type { PluginInfoSchema, RegistrationStatusResponseSchema } from "./gen/v1_pb.ts";

/** What `Registration.getInfo` returns. */
export type GetInfoResult = MessageInitShape<typeof PluginInfoSchema>;

/** What `Registration.notifyRegistrationStatus` returns. */
export type RegistrationStatusResult = MessageInitShape<typeof RegistrationStatusResponseSchema>;
