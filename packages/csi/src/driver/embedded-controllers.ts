import { type Extension, type HostEnv, KxError, type Runnable } from "@kx/core";
import { inProcessDriver } from "../controllers/driver-client.ts";
import { csiControllers, partsNeeded, type SidecarOptions } from "../controllers/sidecars.ts";
import { given } from "../given.ts";
import type { CsiDriver } from "./csi-driver.ts";
import type { CsiServices } from "./csi-services.ts";

/** Of a host, as much as the controllers of a driver need before they run. */
type ControllersEnv = Pick<HostEnv, "log" | "clock"> & {
  readonly [K in "metrics" | "nodeName"]?: HostEnv[K] | undefined;
};

/** A driver's controllers in its own process: those that its capabilities call for, or those named in the options. */
export function embeddedControllers(
  driver: CsiDriver,
  services: () => CsiServices | undefined,
  { log, clock, metrics, nodeName }: ControllersEnv,
  options: Omit<SidecarOptions, "node"> = {},
): readonly Extension[] {
  const { distributed, snapshotMetadata } = driver.definition;
  const client = inProcessDriver(driver, { services, log, clock, metrics });
  const sidecars = { ...given({ snapshotMetadata }), ...options };
  if (distributed === undefined) return csiControllers(client, sidecars);
  if (nodeName !== undefined) {
    // Without the options of snapshot-metadata: one place serves the cluster with that, not each node.
    const needed = partsNeeded(client.capabilities);
    return csiControllers(client, { parts: needed, ...sidecars, node: { name: nodeName, ...distributed } });
  }
  throw new KxError("KX_CSI_HOST", `the driver "${driver.name}" was not given the name of its node`, {
    remedy: "give the host --node-name",
  });
}

/** The same as parts of the driver's own extension. */
export function controllerParts(
  driver: CsiDriver,
  services: () => CsiServices | undefined,
  env: HostEnv,
): readonly Runnable[] {
  return embeddedControllers(driver, services, env).flatMap((each) => each.parts({ ...env, role: "controller" }));
}
