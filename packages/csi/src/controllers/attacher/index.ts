import { ControllerCapability } from "@kx/core/contracts/csi";
import type { Sidecar } from "../sidecars.ts";
import { attachedVolumesController } from "./attached-volumes.ts";
import { attachmentsController } from "./attachments.ts";

/** How volumes are attached. */
export interface AttacherOptions {
  /** How often attached volumes are compared with what the driver says, in milliseconds. Default: 60,000. */
  readonly reconcileMs?: number;
}

/** Attaches volumes to nodes. For a driver that does not attach, it says of every volume that it is. */
export const attacher: Sidecar = {
  isNeeded: ({ controller }) => controller.has(ControllerCapability.PUBLISH_UNPUBLISH_VOLUME),
  make: (env) => [attachmentsController(env), attachedVolumesController(env)],
};
