import { done, type ReconcileContext, type Result, requeueAfter } from "@kx/controllers";
import { PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { KxError } from "@kx/core";
import { ControllerCapability } from "@kx/core/contracts/csi";
import { type DataSource, dataSourceOf, requestedBytes } from "./data-source.ts";
import { selectedNode } from "./names.ts";
import { type Claim, type ClaimPlan, volumeNameOf } from "./plan-claim.ts";
import type { OwnNode, ProvisionerEnv } from "./provisioner-env.ts";
import { placeOfSource, type SourcePlace } from "./source-place.ts";
import { nodePlaces, planTopology } from "./topology.ts";
import { planVolume } from "./volume-request.ts";

/** Which claims are this node's, where each node has a provisioner of its own. */
export interface Ownership {
  /** Undefined if the claim is this node's to provision; else what the reconcile ends with. */
  claim(
    claim: Claim,
    plan: Extract<ClaimPlan, { readonly do: "provision" }>,
    ctx: ReconcileContext,
  ): Promise<Result | undefined>;
}

/** All nodes want a claim at once: each waits for a time of its own, longer after each race that it lost. */
const baseDelayMs = 20_000;
const maxDelayMs = 60_000;

/** How often is looked for a source that is not there yet. */
const sourcePollMs = 5000;

interface Race {
  readonly dueMs: number;
  readonly lost: number;
}

/** Makes the ownership of one node's provisioner. `random` gives numbers from 0 to below 1. */
export function createOwnership(node: OwnNode, env: ProvisionerEnv, random: () => number = Math.random): Ownership {
  const races = new Map<string, Race>();

  const enter = (uid: string, lost: number, nowMs: number): Result => {
    const delayMs = random() * Math.min(maxDelayMs, baseDelayMs * 2 ** lost);
    races.set(uid, { dueMs: nowMs + delayMs, lost });
    return requeueAfter(delayMs);
  };

  return {
    async claim(claim, plan, ctx) {
      const { uid } = claim.metadata;
      if (plan.node !== undefined) {
        races.delete(uid);
        return plan.node === node.name ? undefined : done;
      }
      if (!fitsHere(claim, plan, node, env)) return done;
      const source = await placeOf(claim, node, ctx);
      if (source === "elsewhere") return done;
      if (source === "unknown") return requeueAfter(sourcePollMs);
      const now = ctx.clock.now();
      const race = races.get(uid);
      if (race === undefined) return enter(uid, 0, now);
      if (race.dueMs > now) return requeueAfter(race.dueMs - now);
      // Somebody may delete a volume meanwhile, so it is asked again later.
      if (!(await hasRoom(claim, plan, node, env, ctx))) return enter(uid, race.lost + 1, now);
      try {
        await selectNode(claim, node.name, ctx);
      } catch (error) {
        if (!KxError.is(error) || error.code !== "KX_API_CONFLICT") throw error;
        return enter(uid, race.lost + 1, now);
      }
      // The changed claim comes back as this node's.
      races.delete(uid);
      return done;
    },
  };
}

type Provision = Extract<ClaimPlan, { readonly do: "provision" }>;

function fitsHere(claim: Claim, plan: Provision, node: OwnNode, env: ProvisionerEnv): boolean {
  const allowed = plan.class.allowedTopologies ?? [];
  if (allowed.length === 0) return true;
  const facts = { claimName: claim.metadata.name, allowed, node: node.name, isStrict: true, tellsAllPlaces: false };
  try {
    planTopology(facts, nodePlaces(node.name, env.node?.segments ?? {}));
    return true;
  } catch {
    return false;
  }
}

async function placeOf(claim: Claim, node: OwnNode, ctx: ReconcileContext): Promise<SourcePlace> {
  let source: DataSource | undefined;
  try {
    source = dataSourceOf(claim);
  } catch {
    // What is wrong with the claim is told by the try to provision it.
  }
  return source === undefined || source.kind === "foreign" ? "here" : await placeOfSource(source, node, ctx);
}

async function hasRoom(
  claim: Claim,
  plan: Provision,
  node: OwnNode,
  { driver, options, defaultFsType, callTimeoutMs }: ProvisionerEnv,
  { signal, log }: ReconcileContext,
): Promise<boolean> {
  const capabilities = driver.capabilities.controller;
  if (!capabilities.has(ControllerCapability.GET_CAPACITY)) return true;
  try {
    const { request } = planVolume({
      name: volumeNameOf(options.volumeNamePrefix ?? "pvc", claim),
      claim,
      class: plan.class,
      capabilities,
      defaultFsType,
      tellsNames: false,
    });
    const asked = {
      volumeCapabilities: request.volumeCapabilities ?? [],
      parameters: request.parameters ?? {},
      accessibleTopology: { segments: { ...node.segments } },
    };
    const { availableCapacity } = await driver.controller.getCapacity(asked, { timeoutMs: callTimeoutMs, signal });
    return availableCapacity >= requestedBytes(claim);
  } catch (err) {
    // What is wrong with the claim is told by the try to provision it.
    log.debug({ err }, "capacity cannot be asked for, going on");
    return true;
  }
}

async function selectNode(claim: Claim, node: string, { client, signal }: ReconcileContext): Promise<void> {
  const { name, namespace, resourceVersion } = claim.metadata;
  const patch = { metadata: { resourceVersion, annotations: { [selectedNode]: node } } };
  await client.patch(PersistentVolumeClaim, { name, namespace }, patch, { type: "merge", signal });
}
