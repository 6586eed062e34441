import type { Extension } from "@kx/core";
import { ControllerCapability } from "@kx/core/contracts/csi";
import { whenServed } from "../gated.ts";
import type { Sidecar } from "../sidecars.ts";
import { claimsController } from "./claims.ts";
import type { ProvisionerEnv } from "./provisioner-env.ts";
import { cloneProtection, snapshotProtection } from "./source-protection.ts";
import { volumesController } from "./volumes.ts";

/** Makes volumes for claims, and deletes them. */
export const provisioner: Sidecar = {
  isNeeded: ({ controller }) => controller.has(ControllerCapability.CREATE_DELETE_VOLUME),
  make({ driver, options, identity }): readonly Extension[] {
    const { callTimeoutMs, concurrency, retryBackoff, defaultFsType, extraCreateMetadata = false, node } = options;
    const env: ProvisionerEnv = {
      driver,
      options: options.provisioner ?? {},
      callTimeoutMs,
      concurrency,
      retryBackoff,
      defaultFsType,
      tellsNames: extraCreateMetadata,
      identity: `${identity}-${driver.name}${node === undefined ? "" : `-${node.name}`}`,
      node,
    };
    const { controller } = driver.capabilities;
    return [
      claimsController(env),
      volumesController(env),
      ...(controller.has(ControllerCapability.CLONE_VOLUME) ? [cloneProtection(env)] : []),
      ...(controller.has(ControllerCapability.CREATE_DELETE_SNAPSHOT) ? [whenServed(snapshotProtection(env))] : []),
    ];
  },
};
