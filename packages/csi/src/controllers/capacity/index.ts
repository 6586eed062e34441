import type { OwnerReference } from "@kx/controllers";
import { ControllerCapability } from "@kx/core/contracts/csi";
import type { Sidecar } from "../sidecars.ts";
import { capacitiesController } from "./capacities.ts";

/** How capacity is told. */
export interface CapacityOptions {
  /** Where its objects are. Default: `default`. */
  readonly namespace?: string;
  /** With whom they go, such as the driver's Deployment. Default: they stay until a controller removes them. */
  readonly owner?: OwnerReference;
  /** Also for classes that bind at once. Default: false, the scheduler has no use for it. */
  readonly immediateBinding?: boolean;
  /** How often a driver is asked, in milliseconds, though no volume has come or gone. Default: 60,000. */
  readonly pollMs?: number;
}

/** Tells the scheduler how much room there is. */
export const capacity: Sidecar = {
  isNeeded: ({ controller }) => controller.has(ControllerCapability.GET_CAPACITY),
  make: (env) => [capacitiesController(env)],
};
