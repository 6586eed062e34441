import {
  type Extension,
  type HostEnv,
  type KubeObject,
  KxError,
  type Logger,
  type RenderEnv,
  type Runnable,
} from "@kx/core";
import { inProcessDriver } from "../controllers/driver-client.ts";
import { csiControllers, partsNeeded, type SidecarOptions, type SidecarPart } from "../controllers/sidecars.ts";
import { given } from "../given.ts";
import { hasController } from "./capabilities.ts";
import type { CsiDriver } from "./csi-driver.ts";
import type { CsiServices } from "./csi-services.ts";
import { partRights } from "./part-rights.ts";

/** Those that know a node's volumes from others': several of another part, one a node, would do the same work. */
const partsByNode: readonly SidecarPart[] = ["provisioner"];

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
    const needed = partsNeeded(client.capabilities).filter((part) => partsByNode.includes(part));
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

/** What the driver's controllers need in the cluster. */
export function controllerObjects(driver: CsiDriver, env: RenderEnv): readonly KubeObject[] {
  if (!hasController(driver.definition)) return [];
  const nowhere = { log: silent, clock: { now: () => 0, sleep: async () => undefined }, nodeName: "" };
  const objects = embeddedControllers(driver, () => undefined, nowhere).flatMap((each) => each.manifests(env));
  const { capabilities } = inProcessDriver(driver, { services: () => undefined, log: silent });
  return [...objects, ...partRights(driver.name, partsNeeded(capabilities))];
}

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};
