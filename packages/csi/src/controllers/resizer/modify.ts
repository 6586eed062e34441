import { type Cached, done, type ReconcileContext, type Result, requeueAfter } from "@kx/controllers";
import type { PersistentVolume, PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { VolumeAttributesClass } from "@kx/controllers/api/storage-v1";
import { timeOf } from "../../snapshot-controller/steps.ts";
import { namesOf } from "../create-metadata.ts";
import type { DriverClient } from "../driver-client.ts";
import { reasonOf, statusOf } from "../outcome.ts";
import { readSecret, type SecretRef } from "../secrets.ts";
import { type BoundClaim, isFinalAnswer, patchClaim, patchVolume } from "./claim-volume.ts";
import { withModify, withoutModify } from "./conditions.ts";
import { type ModifyMemory, planModify } from "./plan-modify.ts";

/** What changing attributes needs of its process. */
export interface ModifyEnv {
  readonly driver: DriverClient;
  readonly callTimeoutMs: number;
  /** Tells the driver the names of claim and volume. */
  readonly tellsNames: boolean;
  /** What is remembered of each claim, by its UID. */
  readonly memories: Map<string, ModifyMemory>;
}

const restMs = 300_000;
const unknown: ModifyMemory = { isFinal: false, restsUntilMs: 0 };

/** Changes a volume to the VolumeAttributesClass that its claim names. Throws what is to be tried again. */
export async function modify(bound: BoundClaim, env: ModifyEnv, ctx: ReconcileContext): Promise<Result> {
  const { claim, volume } = bound;
  const { uid } = claim.metadata;
  const plan = planModify(claim, env.memories.get(uid) ?? unknown, ctx.clock.now());
  switch (plan.do) {
    case "nothing":
      env.memories.delete(uid);
      return done;
    case "rest":
      return requeueAfter(plan.forMs);
    case "cancel":
      ctx.events.event(claim, { type: "Normal", reason: "VolumeModifyCanceled", message: "Cancelled modify." });
      await patchClaim(claim, { conditions: withoutModify(claim.status?.conditions) }, ctx);
      return done;
    case "modify":
      return await modifyTo(claim, volume, plan, env, ctx);
  }
}

async function modifyTo(
  claim: Cached<PersistentVolumeClaim>,
  volume: Cached<PersistentVolume>,
  { className, isNew }: { readonly className: string; readonly isNew: boolean },
  env: ModifyEnv,
  ctx: ReconcileContext,
): Promise<Result> {
  const attributes = ctx.cache.get(VolumeAttributesClass, { name: className });
  if (attributes === undefined) return await waitForClass(claim, className, isNew, ctx);
  const begun = isNew ? await begin(claim, className, ctx) : claim;
  try {
    const secrets = await readSecret(ctx.client, secretOf(volume), ctx.signal);
    const names = env.tellsNames ? namesOf(claim, volume.metadata.name) : {};
    const mutableParameters = { ...attributes.parameters, ...names };
    await env.driver.controller.controllerModifyVolume(
      { volumeId: volume.spec?.csi?.volumeHandle ?? "", secrets, mutableParameters },
      { timeoutMs: env.callTimeoutMs, signal: ctx.signal },
    );
  } catch (error) {
    return await failed(begun, className, error, env, ctx);
  }
  env.memories.delete(claim.metadata.uid);
  // The volume first: what comes later knows by the claim that both are done.
  await patchVolume(volume, { volumeAttributesClassName: className }, ctx);
  const status = {
    modifyVolumeStatus: null,
    currentVolumeAttributesClassName: className,
    conditions: withoutModify(begun.status?.conditions),
  };
  await patchClaim(begun, status, ctx);
  ctx.events.event(claim, {
    type: "Normal",
    reason: "VolumeModifySuccessful",
    message: `external resizer modified volume ${claim.metadata.name} with vac ${className} successfully`,
  });
  return done;
}

/** The class comes back to its claims when it is made. */
async function waitForClass(
  claim: Cached<PersistentVolumeClaim>,
  className: string,
  isNew: boolean,
  ctx: ReconcileContext,
): Promise<Result> {
  const known = claim.status?.modifyVolumeStatus;
  const isSaid = known?.status === "Pending" && known.targetVolumeAttributesClassName === className;
  if (isSaid) return done;
  ctx.events.event(claim, {
    type: "Warning",
    reason: "VolumeModifyFailed",
    message: `VAC "${className}" does not exist.`,
  });
  if (!isNew) return requeueAfter(restMs);
  const modifyVolumeStatus = { status: "Pending", targetVolumeAttributesClassName: className };
  await patchClaim(claim, { modifyVolumeStatus }, ctx);
  return done;
}

async function begin(claim: Cached<PersistentVolumeClaim>, className: string, ctx: ReconcileContext) {
  const message = `Modifying volume to "${className}" is in progress.`;
  const begun = await patchClaim(
    claim,
    {
      modifyVolumeStatus: { status: "InProgress", targetVolumeAttributesClassName: className },
      conditions: withModify(claim.status?.conditions, [{ type: "ModifyingVolume", message }], now(ctx)),
    },
    ctx,
  );
  ctx.events.event(claim, {
    type: "Normal",
    reason: "VolumeModify",
    message: `external resizer is modifying volume ${claim.metadata.name} with vac ${className}`,
  });
  return begun;
}

async function failed(
  claim: Cached<PersistentVolumeClaim>,
  className: string,
  error: unknown,
  { memories }: ModifyEnv,
  ctx: ReconcileContext,
): Promise<Result> {
  if (ctx.signal.aborted) throw error;
  const isFinal = isFinalAnswer(error);
  const isInfeasible = statusOf(error) === "INVALID_ARGUMENT";
  memories.set(claim.metadata.uid, { isFinal, restsUntilMs: isInfeasible ? ctx.clock.now() + restMs : 0 });
  const how = isFinal ? "failed. Waiting for retry." : "is still in progress.";
  const holding = [
    { type: "ModifyingVolume", message: `Modifying volume to "${className}" ${how}` },
    { type: "ModifyVolumeError", reason: statusOf(error) ?? "Unknown", message: reasonOf(error) },
  ];
  const message = isFinal ? reasonOf(error) : `${reasonOf(error)}. Still modifying to VAC ${className}`;
  ctx.events.event(claim, { type: "Warning", reason: "VolumeModifyFailed", message });
  await patchClaim(
    claim,
    {
      modifyVolumeStatus: {
        status: isInfeasible ? "Infeasible" : "InProgress",
        targetVolumeAttributesClassName: className,
      },
      conditions: withModify(claim.status?.conditions, holding, now(ctx)),
    },
    ctx,
  );
  if (isInfeasible) return requeueAfter(restMs);
  throw error;
}

const secretAnnotation = "volume.kubernetes.io/controller-modify-secret";

/** The secret for changes that the provisioner noted; else that for growth. */
function secretOf({ metadata: { annotations = {} }, spec }: Cached<PersistentVolume>): SecretRef | undefined {
  const [name, namespace] = [annotations[`${secretAnnotation}-name`], annotations[`${secretAnnotation}-namespace`]];
  if (name !== undefined && namespace !== undefined) return { name, namespace };
  const { name: other, namespace: otherNamespace = "" } = spec?.csi?.controllerExpandSecretRef ?? {};
  return other === undefined ? undefined : { name: other, namespace: otherNamespace };
}

function now({ clock }: ReconcileContext): string {
  return timeOf(clock.now());
}
