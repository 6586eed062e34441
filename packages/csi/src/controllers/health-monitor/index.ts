import { type Cached, defineController, done, type ReconcileContext, requeueAfter, watch } from "@kx/controllers";
import { PersistentVolume, PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import type { Extension } from "@kx/core";
import { ControllerCapability } from "@kx/core/contracts/csi";
import { claims, volumes } from "../kubernetes.ts";
import { partComponent, partName } from "../part-name.ts";
import type { OwnNode } from "../provisioner/provisioner-env.ts";
import { isReachable } from "../provisioner/topology.ts";
import type { Sidecar, SidecarEnv } from "../sidecars.ts";
import { findingOf, newsOf } from "./findings.ts";
import { type HealthSource, healthSource } from "./health-source.ts";

/** Options of the health monitor. */
export interface HealthMonitorOptions {
  /** How often a volume is asked after, in milliseconds. Default: 5 minutes where the driver lists all at once, else 1. */
  readonly intervalMs?: number;
}

/** Tells by events on claims what a driver says of their volumes. */
export const healthMonitor: Sidecar = {
  isNeeded: ({ controller }) =>
    controller.has(ControllerCapability.LIST_VOLUME_HEALTH) || controller.has(ControllerCapability.GET_VOLUME_HEALTH),
  make: (env) => [monitor(env)],
};

function monitor({ driver, options }: SidecarEnv): Extension {
  let source: HealthSource | undefined;
  /** What was last told of a volume that is not well, by UID. */
  const told = new Map<string, string>();
  return defineController({
    name: partName(driver, "health-monitor"),
    component: partComponent(driver, "health-monitor"),
    eventsApi: "core/v1",
    for: PersistentVolume,
    select: volumes,
    // Time brings volumes back, and being bound.
    predicates: [(change) => change.kind !== "updated" || change.object.status?.phase !== change.old.status?.phase],
    watches: [watch(PersistentVolumeClaim, { select: claims, map: () => [] })],
    concurrency: options.concurrency,
    retryBackoff: options.retryBackoff,
    async reconcile({ object }, ctx) {
      const claim = object === undefined ? undefined : claimOf(object, driver.name, options.node, ctx);
      if (object === undefined || claim === undefined) return done;
      source ??= healthSource(driver, ctx.clock, options.healthMonitor?.intervalMs);
      const call = { timeoutMs: options.callTimeoutMs, signal: ctx.signal };
      const finding = findingOf(await source.of(object.spec?.csi?.volumeHandle ?? "", call));
      const { uid } = object.metadata;
      const news = newsOf(finding, told.get(uid));
      if (news === "abnormal" && finding !== undefined) {
        ctx.events.event(claim, { type: "Warning", reason: "VolumeConditionAbnormal", message: finding });
        told.set(uid, finding);
      } else if (news === "recovered") {
        const message = "The Volume returns to the healthy state";
        ctx.events.event(claim, { type: "Normal", reason: "VolumeConditionNormal", message });
        told.delete(uid);
      }
      return requeueAfter(source.intervalMs);
    },
  });
}

/** The claim of a bound volume of this driver, and of this node where each has its own. */
function claimOf(
  { spec, status }: Cached<PersistentVolume>,
  driver: string,
  node: OwnNode | undefined,
  { cache }: ReconcileContext,
) {
  const { namespace, name = "" } = spec?.claimRef ?? {};
  if (node !== undefined && !isReachable(spec?.nodeAffinity, node.segments)) return undefined;
  if (spec?.csi?.driver !== driver || status?.phase !== "Bound") return undefined;
  return cache.get(PersistentVolumeClaim, { namespace, name });
}
