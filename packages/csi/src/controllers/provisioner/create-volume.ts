import type { ReconcileContext } from "@kx/controllers";
import { PersistentVolume } from "@kx/controllers/api/core-v1";
import { VolumeAttributesClass } from "@kx/controllers/api/storage-v1";
import { KxError } from "@kx/core";
import { ControllerCapability, type Volume } from "@kx/core/contracts/csi";
import { readSecret } from "../secrets.ts";
import { openSource } from "./content-source.ts";
import type { DataSource } from "./data-source.ts";
import type { Claim, ClaimPlan } from "./plan-claim.ts";
import { hasTopology, type ProvisionerEnv, placesOf } from "./provisioner-env.ts";
import { planTopology, type TopologyRequirementPlan } from "./topology.ts";
import { problemOfAnswer, volumeObject } from "./volume-object.ts";
import { planVolume, requestOf, type VolumeFacts, type VolumePlan } from "./volume-request.ts";

/** One try to provision a claim. */
export interface Attempt {
  readonly name: string;
  readonly claim: Claim;
  readonly plan: Extract<ClaimPlan, { readonly do: "provision" }>;
  readonly source: Exclude<DataSource, { readonly kind: "foreign" }> | undefined;
  /** What was asked for by a try that may still be at work: it must be asked for again. */
  readonly topology: TopologyRequirementPlan | undefined;
  /** Told before the driver is asked: from here on something may be made. */
  started(topology: TopologyRequirementPlan | undefined): void;
}

/** Has the driver make a claim's volume, and makes its object. Each step can be done again. */
export async function createVolume(attempt: Attempt, env: ProvisionerEnv, ctx: ReconcileContext): Promise<void> {
  const { driver, callTimeoutMs, identity } = env;
  const { name, claim, plan, source } = attempt;
  const facts: VolumeFacts = {
    name,
    claim,
    class: plan.class,
    capabilities: driver.capabilities.controller,
    defaultFsType: env.defaultFsType,
    tellsNames: env.tellsNames,
  };
  const volumePlan = planVolume(facts);
  const mutableParameters = await mutableParametersOf(claim, env, ctx);
  const secrets = await readSecret(ctx.client, volumePlan.secrets.provisioner, ctx.signal);
  const topology = attempt.topology ?? topologyOf(attempt, env, ctx);
  const content = source === undefined ? undefined : await openSource(claim, source, env, ctx);
  const request = requestOf(volumePlan, { secrets, source: content, topology, mutableParameters });
  attempt.started(topology);
  const { volume } = await driver.controller.createVolume(request, { timeoutMs: callTimeoutMs, signal: ctx.signal });
  if (volume === undefined) throw wrongAnswer("the driver answered without a volume");
  const problem = problemOfAnswer(facts, volume, content !== undefined);
  if (problem !== undefined) await discard(volume, secrets, problem, env, ctx);
  const objectFacts = {
    ...facts,
    driverName: driver.name,
    identity,
    hasTopology: hasTopology(env),
    publishesReadonly: driver.capabilities.controller.has(ControllerCapability.PUBLISH_READONLY),
  };
  await createObject(volumeObject(objectFacts, volumePlan, volume), volumePlan, ctx);
}

function topologyOf({ claim, plan }: Attempt, env: ProvisionerEnv, ctx: ReconcileContext) {
  if (!hasTopology(env)) return undefined;
  const { strictTopology = false, immediateTopology = true } = env.options;
  const facts = {
    claimName: claim.metadata.name,
    allowed: plan.class.allowedTopologies ?? [],
    node: plan.node,
    isStrict: strictTopology,
    tellsAllPlaces: plan.node !== undefined || immediateTopology,
  };
  return planTopology(facts, placesOf(env, ctx));
}

async function mutableParametersOf(
  claim: Claim,
  { driver }: ProvisionerEnv,
  { client, signal }: ReconcileContext,
): Promise<Readonly<Record<string, string>>> {
  const name = claim.spec?.volumeAttributesClassName ?? "";
  if (name === "") return {};
  if (!driver.capabilities.controller.has(ControllerCapability.MODIFY_VOLUME)) {
    throw new KxError("KX_CSI_CLASS", "the driver has no attributes that a VolumeAttributesClass could set");
  }
  const { driverName, parameters = {} } = await client.get(VolumeAttributesClass, { name }, { signal });
  if (driverName === driver.name) return parameters;
  throw new KxError("KX_CSI_CLASS", `the VolumeAttributesClass ${name} is for the driver ${driverName}`);
}

async function discard(
  { volumeId }: Volume,
  secrets: Record<string, string>,
  problem: string,
  { driver, callTimeoutMs }: ProvisionerEnv,
  { signal }: ReconcileContext,
): Promise<never> {
  try {
    await driver.controller.deleteVolume({ volumeId, secrets }, { timeoutMs: callTimeoutMs, signal });
  } catch (cause) {
    throw wrongAnswer(`${problem}, and it cannot be deleted yet`, cause);
  }
  throw wrongAnswer(`${problem}; it has been deleted`);
}

async function createObject(
  object: PersistentVolume,
  plan: VolumePlan,
  { client, signal }: ReconcileContext,
): Promise<void> {
  try {
    await client.create(PersistentVolume, object, { signal });
  } catch (error) {
    // An earlier try, maybe of another process, has made it: the name is the claim's own.
    const exists = KxError.is(error) && error.code === "KX_API_ALREADY_EXISTS";
    if (!exists) throw error;
  }
}

function wrongAnswer(reason: string, cause?: unknown): KxError {
  return new KxError("KX_CSI_ANSWER", reason, { cause, retryable: true });
}
