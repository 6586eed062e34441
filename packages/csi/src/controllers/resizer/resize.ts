import { type Cached, done, type ReconcileContext, type Result, requeueAfter } from "@kx/controllers";
import type { PersistentVolume, PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { ControllerCapability } from "@kx/core/contracts/csi";
import { timeOf } from "../../snapshot-controller/steps.ts";
import { asBlock, asMount, csiAccessMode } from "../access-modes.ts";
import type { DriverClient } from "../driver-client.ts";
import { reasonOf, statusOf } from "../outcome.ts";
import { readSecret } from "../secrets.ts";
import { quantityOf } from "../sizes.ts";
import { type BoundClaim, isFinalAnswer, patchClaim, patchVolume } from "./claim-volume.ts";
import { withoutResize, withResize } from "./conditions.ts";
import { planResize, type ResizeMemory } from "./plan-resize.ts";

/** What growing needs of its process. */
export interface ResizeEnv {
  readonly driver: DriverClient;
  readonly callTimeoutMs: number;
  /** What is remembered of each claim, by its UID. */
  readonly memories: Map<string, ResizeMemory>;
}

const restMs = 300_000;
const unknown: ResizeMemory = { isFinal: false, restsUntilMs: 0 };
/** The kubelet leaves a claim with it alone. */
const nodeNotNeeded = "volume.kubernetes.io/node-expansion-not-required";

/** Lets a volume grow to what its claim asks for. Throws what is to be tried again. */
export async function resize(bound: BoundClaim, env: ResizeEnv, ctx: ReconcileContext): Promise<Result> {
  const { uid } = bound.claim.metadata;
  const plan = planResize(bound.claim, bound.volume, env.memories.get(uid) ?? unknown, ctx.clock.now());
  if (plan.do === "nothing") {
    env.memories.delete(uid);
    return done;
  }
  if (plan.do === "rest") return requeueAfter(plan.forMs);
  const claim = await begin(bound.claim, plan.bytes, plan.isNew, ctx);
  ctx.events.event(claim, {
    type: "Normal",
    reason: "Resizing",
    message: `External resizer is resizing volume ${bound.volume.metadata.name}`,
  });
  let grown: Awaited<ReturnType<typeof grow>>;
  try {
    grown = await grow(bound.volume, plan.bytes, env, ctx);
  } catch (error) {
    return await failed(claim, bound.volume, error, env, ctx);
  }
  env.memories.delete(uid);
  await patchVolume(bound.volume, { capacity: { storage: quantityOf(grown.bytes) } }, ctx);
  await (grown.needsNode ? leaveToNode(claim, ctx) : finish(claim, grown.bytes, ctx));
  return done;
}

async function begin(
  claim: Cached<PersistentVolumeClaim>,
  bytes: bigint,
  isNew: boolean,
  ctx: ReconcileContext,
): Promise<Cached<PersistentVolumeClaim>> {
  const conditions = withResize(claim.status?.conditions, [{ type: "Resizing" }], now(ctx), !isNew);
  const status = {
    conditions,
    allocatedResources: { storage: quantityOf(bytes) },
    ...(isNew ? { allocatedResourceStatuses: { storage: "ControllerResizeInProgress" } } : {}),
  };
  return await patchClaim(claim, status, ctx, { [nodeNotNeeded]: null });
}

/** Asks the driver, or, where only nodes let volumes grow, leaves it to them. */
async function grow(
  { spec }: Cached<PersistentVolume>,
  bytes: bigint,
  { driver, callTimeoutMs }: ResizeEnv,
  { client, signal }: ReconcileContext,
): Promise<{ readonly bytes: bigint; readonly needsNode: boolean }> {
  const { controller } = driver.capabilities;
  if (!controller.has(ControllerCapability.EXPAND_VOLUME)) return { bytes, needsNode: true };
  const { volumeHandle = "", fsType = "", controllerExpandSecretRef } = spec?.csi ?? {};
  const secrets = await readSecret(client, controllerExpandSecretRef, signal);
  const mode = csiAccessMode(spec?.accessModes ?? [], controller.has(ControllerCapability.SINGLE_NODE_MULTI_WRITER));
  const volumeCapability =
    spec?.volumeMode === "Block" ? asBlock(mode) : asMount(mode, fsType, [...(spec?.mountOptions ?? [])]);
  const capacityRange = { requiredBytes: bytes, limitBytes: 0n };
  const { capacityBytes, nodeExpansionRequired } = await driver.controller.controllerExpandVolume(
    { volumeId: volumeHandle, capacityRange, secrets, volumeCapability },
    { timeoutMs: callTimeoutMs, signal },
  );
  return { bytes: capacityBytes, needsNode: nodeExpansionRequired };
}

async function leaveToNode(claim: Cached<PersistentVolumeClaim>, ctx: ReconcileContext): Promise<void> {
  const message = "Waiting for user to (re-)start a pod to finish file system resize of volume on node.";
  const holding = [{ type: "FileSystemResizePending", message }];
  const status = {
    conditions: withResize(claim.status?.conditions, holding, now(ctx), true),
    allocatedResourceStatuses: { storage: "NodeResizePending" },
  };
  await patchClaim(claim, status, ctx, { [nodeNotNeeded]: null });
  ctx.events.event(claim, {
    type: "Normal",
    reason: "FileSystemResizeRequired",
    message: "Require file system resize of volume on node",
  });
}

async function finish(claim: Cached<PersistentVolumeClaim>, bytes: bigint, ctx: ReconcileContext): Promise<void> {
  const status = {
    capacity: { storage: quantityOf(bytes) },
    conditions: withoutResize(claim.status?.conditions),
    allocatedResourceStatuses: { storage: null },
  };
  await patchClaim(claim, status, ctx, { [nodeNotNeeded]: "true" });
  ctx.events.event(claim, { type: "Normal", reason: "VolumeResizeSuccessful", message: "Resize volume succeeded" });
}

/** What can never be: asked for in vain until the claim asks for another size. */
const infeasible: ReadonlySet<string | undefined> = new Set(["INVALID_ARGUMENT", "OUT_OF_RANGE", "NOT_FOUND"]);

async function failed(
  claim: Cached<PersistentVolumeClaim>,
  volume: Cached<PersistentVolume>,
  error: unknown,
  { driver, memories }: ResizeEnv,
  ctx: ReconcileContext,
): Promise<Result> {
  if (ctx.signal.aborted) throw error;
  const isInfeasible = infeasible.has(statusOf(error));
  const isFinal = isFinalAnswer(error);
  memories.set(claim.metadata.uid, { isFinal, restsUntilMs: isInfeasible ? ctx.clock.now() + restMs : 0 });
  const message = `resize volume ${volume.metadata.name} by resizer ${driver.name} failed: ${reasonOf(error)}`;
  ctx.events.event(claim, { type: "Warning", reason: "VolumeResizeFailed", message });
  if (!isFinal) throw error;
  const holding = [{ type: "ControllerResizeError", message: `failed to expand pvc with ${reasonOf(error)}` }];
  const status = {
    conditions: withResize(claim.status?.conditions, holding, now(ctx), true),
    ...(isInfeasible ? { allocatedResourceStatuses: { storage: "ControllerResizeInfeasible" } } : {}),
  };
  await patchClaim(claim, status, ctx);
  if (isInfeasible) return requeueAfter(restMs);
  throw error;
}

function now({ clock }: ReconcileContext): string {
  return timeOf(clock.now());
}
