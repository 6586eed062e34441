import {
  type Change,
  defineController,
  done,
  isNotFound,
  type ReconcileContext,
  type Result,
  requeue,
  watch,
} from "@kx/controllers";
import { PersistentVolume, PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { VolumeAttributesClass } from "@kx/controllers/api/storage-v1";
import { type Extension, KxError } from "@kx/core";
import { ControllerCapability, ExpansionMode } from "@kx/core/contracts/csi";
import { claims, volumes, whole } from "../kubernetes.ts";
import { partComponent, partName } from "../part-name.ts";
import type { Sidecar, SidecarEnv } from "../sidecars.ts";
import { type BoundClaim, boundOf } from "./claim-volume.ts";
import { modify } from "./modify.ts";
import { resize } from "./resize.ts";

/** How volumes are changed. */
export interface ResizerOptions {
  /**
   * Tells the driver the names of claim and volume, as parameters `csi.storage.k8s.io/pvc/name` and so on, when attributes are
   * changed. Default: false.
   */
  readonly extraModifyMetadata?: boolean;
}

/** Lets volumes grow, and changes them to other VolumeAttributesClasses. */
export const resizer: Sidecar = {
  isNeeded: ({ controller, expansion }) => canGrow({ controller, expansion }) || canChange({ controller }),
  make(env) {
    const { capabilities } = env.driver;
    return [...(canGrow(capabilities) ? [growing(env)] : []), ...(canChange(capabilities) ? [changing(env)] : [])];
  },
};

type Capabilities = SidecarEnv["driver"]["capabilities"];

function canGrow({ controller, expansion }: Pick<Capabilities, "controller" | "expansion">): boolean {
  return controller.has(ControllerCapability.EXPAND_VOLUME) || expansion !== ExpansionMode.UNKNOWN;
}
function canChange({ controller }: Pick<Capabilities, "controller">): boolean {
  return controller.has(ControllerCapability.MODIFY_VOLUME);
}

function growing(env: SidecarEnv): Extension {
  const memories = new Map();
  const asked = ({ spec, status }: PersistentVolumeClaim) => [
    spec?.resources?.requests?.["storage"],
    status?.capacity?.["storage"],
    // What the node says; the others are our own words.
    /^Node/.exec(status?.allocatedResourceStatuses?.["storage"] ?? "")?.input,
  ];
  return controllerOf("resizer", env, asked, [], (bound, ctx) =>
    resize(bound, { driver: env.driver, callTimeoutMs: env.options.callTimeoutMs, memories }, ctx),
  );
}

function changing(env: SidecarEnv): Extension {
  const memories = new Map();
  const tellsNames = env.options.resizer?.extraModifyMetadata === true;
  const asked = ({ spec, status }: PersistentVolumeClaim) => [
    spec?.volumeAttributesClassName,
    status?.modifyVolumeStatus === undefined,
  ];
  const classes = watch(VolumeAttributesClass, {
    select: whole,
    map: ({ metadata }, cache) =>
      cache
        .list(PersistentVolumeClaim)
        .filter(({ spec }) => spec?.volumeAttributesClassName === metadata.name)
        .map((claim) => ({ name: claim.metadata.name, namespace: claim.metadata.namespace })),
  });
  return controllerOf("modifier", env, asked, [classes], (bound, ctx) =>
    modify(bound, { driver: env.driver, callTimeoutMs: env.options.callTimeoutMs, tellsNames, memories }, ctx),
  );
}

/** A controller of bound claims; `asked` tells by what a change of a claim asks for work. */
function controllerOf(
  part: "resizer" | "modifier",
  { driver, options }: SidecarEnv,
  asked: (claim: PersistentVolumeClaim) => readonly unknown[],
  watches: readonly ReturnType<typeof watch>[],
  work: (bound: BoundClaim, ctx: ReconcileContext) => Promise<Result>,
): Extension {
  return defineController({
    name: partName(driver, part),
    component: partComponent(driver, part),
    eventsApi: "core/v1",
    for: PersistentVolumeClaim,
    select: claims,
    predicates: [(change) => matters(change, asked)],
    watches: [
      ...watches,
      watch(PersistentVolume, {
        select: volumes,
        // A claim may be bound before its volume is seen.
        map: ({ spec }) => (spec?.claimRef?.name === undefined ? [] : [refOfClaim(spec.claimRef)]),
        predicates: [({ kind }) => kind === "added"],
      }),
    ],
    concurrency: options.concurrency,
    retryBackoff: options.retryBackoff,
    async reconcile({ object }, ctx) {
      const bound = object === undefined ? undefined : boundOf(object, ctx.cache, driver.name, options.node);
      if (bound === undefined) return done;
      try {
        return await work(bound, ctx);
      } catch (error) {
        if (isNotFound(error)) return done;
        // The cache was behind.
        if (KxError.is(error) && error.code === "KX_API_CONFLICT") return requeue();
        throw error;
      }
    },
  });
}

function refOfClaim({ name = "", namespace }: { readonly name?: string; readonly namespace?: string }) {
  return { name, namespace };
}

function matters(
  change: Change<PersistentVolumeClaim>,
  asked: (claim: PersistentVolumeClaim) => readonly unknown[],
): boolean {
  if (change.kind !== "updated") return change.kind === "added";
  const [now, before] = [change.object, change.old].map((claim) => {
    const copy = claim as unknown as PersistentVolumeClaim;
    return JSON.stringify([copy.status?.phase, copy.spec?.volumeName, asked(copy)]);
  });
  return now !== before;
}
