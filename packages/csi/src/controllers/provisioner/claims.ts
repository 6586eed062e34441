import {
  type Controller,
  defineController,
  done,
  type ReconcileContext,
  type Result,
  requeue,
  requeueAfter,
  watch,
} from "@kx/controllers";
import { Node, PersistentVolume, PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { CSINode, StorageClass } from "@kx/controllers/api/storage-v1";
import { KxError } from "@kx/core";
import { claims, labelsOnly, volumes, whole } from "../kubernetes.ts";
import { outcomeOf, reasonOf, statusOf } from "../outcome.ts";
import { partComponent, partName } from "../part-name.ts";
import { createVolume } from "./create-volume.ts";
import { dataSourceOf } from "./data-source.ts";
import { selectedNode } from "./names.ts";
import { createOwnership } from "./ownership.ts";
import { type Claim, type ClaimPlan, planClaim, volumeNameOf } from "./plan-claim.ts";
import { hasTopology, type ProvisionerEnv } from "./provisioner-env.ts";
import type { TopologyRequirementPlan } from "./topology.ts";

/** A claim for which the driver may have made something, or may be making it. */
interface Begun {
  readonly claim: Claim;
  readonly topology: TopologyRequirementPlan | undefined;
}

type Provision = Extract<ClaimPlan, { readonly do: "provision" }>;

/** How long a claim rests that the driver calls invalid. */
const invalidMs = 300_000;

/** Provisions volumes for claims. */
export function claimsController(env: ProvisionerEnv): Controller<PersistentVolumeClaim> {
  const { driver, concurrency, retryBackoff } = env;
  const { volumeNamePrefix: prefix = "pvc" } = env.options;
  /** By the claims' keys. What is in it is finished also if its claim is deleted meanwhile, so that nothing is left behind. */
  const begun = new Map<string, Begun>();
  /** Claims whose volumes were made, until the cache knows of these. By uid. */
  const made = new Set<string>();
  const ownership = env.node === undefined ? undefined : createOwnership(env.node, env);
  const none = () => [];

  const provision = async (key: string, claim: Claim, plan: Provision, ctx: ReconcileContext): Promise<void> => {
    const { events } = ctx;
    const source = dataSourceOf(claim);
    if (source?.kind === "foreign") {
      const message = "Assuming an external populator will provision the volume";
      events.event(claim, { type: "Normal", reason: "Provisioning", message });
      return;
    }
    const name = volumeNameOf(prefix, claim);
    const message = `External provisioner is provisioning volume for claim "${key}"`;
    events.event(claim, { type: "Normal", reason: "Provisioning", message });
    const started = (topology: TopologyRequirementPlan | undefined) => void begun.set(key, { claim, topology });
    const topology = begun.get(key)?.topology;
    await createVolume({ name, claim, plan, source, topology, started }, env, ctx);
    begun.delete(key);
    made.add(claim.metadata.uid);
    events.event(claim, {
      type: "Normal",
      reason: "ProvisioningSucceeded",
      message: `Successfully provisioned volume ${name}`,
    });
  };

  const settle = async (key: string, claim: Claim, plan: Provision, error: unknown, ctx: ReconcileContext) => {
    if (ctx.signal.aborted) throw error;
    ctx.events.event(claim, {
      type: "Warning",
      reason: "ProvisioningFailed",
      message: `failed to provision volume with StorageClass "${plan.class.metadata.name}": ${reasonOf(error)}`,
    });
    // What failed before the driver was asked tells nothing of an earlier call.
    const isAnswer = statusOf(error) !== undefined;
    if (isAnswer && outcomeOf(error) !== "running") begun.delete(key);
    const isElsewhere = (isAnswer && outcomeOf(error) === "exhausted") || isNodeGone(error);
    if (isElsewhere && plan.node !== undefined && hasTopology(env)) {
      await askForAnotherNode(claim, plan.node, ctx);
      return done;
    }
    if (isAnswer && statusOf(error) === "INVALID_ARGUMENT") return requeueAfter(invalidMs);
    throw error;
  };

  return defineController({
    name: partName(driver, "provisioner"),
    component: partComponent(driver, "provisioner"),
    for: PersistentVolumeClaim,
    select: claims,
    watches: [
      watch(PersistentVolume, { map: none, select: volumes }),
      watch(StorageClass, { map: none, select: whole }),
      ...(hasTopology(env) && env.node === undefined
        ? [watch(CSINode, { map: none, select: whole }), watch(Node, { map: none, select: labelsOnly })]
        : []),
    ],
    concurrency,
    initialPriority: 0,
    retryBackoff,
    async reconcile({ key, object }, ctx): Promise<Result> {
      const earlier = begun.get(key)?.claim;
      // A claim that is gone, or another one of its name: first comes what was begun.
      const claim = earlier !== undefined && earlier.metadata.uid !== object?.metadata.uid ? earlier : object;
      if (claim === undefined) return done;
      const hasVolume = ctx.cache.get(PersistentVolume, { name: volumeNameOf(prefix, claim) }) !== undefined;
      if (hasVolume) made.delete(claim.metadata.uid);
      const plan = planClaim({
        driverName: driver.name,
        claim,
        classNamed: (name) => ctx.cache.get(StorageClass, { name }),
        hasVolume: hasVolume || made.has(claim.metadata.uid),
      });
      if (plan.do === "nothing") {
        begun.delete(key);
        return claim === object ? done : requeue();
      }
      if (ownership !== undefined) {
        const wait = await ownership.claim(claim, plan, ctx);
        if (wait !== undefined) return wait;
      }
      try {
        await provision(key, claim, plan, ctx);
      } catch (error) {
        return await settle(key, claim, plan, error, ctx);
      }
      return claim === object ? done : requeue();
    },
  });
}

/** The scheduler chooses another node when none is chosen. */
async function askForAnotherNode(claim: Claim, node: string, { client, signal, log }: ReconcileContext): Promise<void> {
  const path = `/metadata/annotations/${selectedNode.replaceAll("/", "~1")}`;
  const { name, namespace } = claim.metadata;
  log.info({ claim: name, node }, "no room at the chosen node, asking for another");
  const patch = [
    { op: "test", path: "/metadata/uid", value: claim.metadata.uid },
    { op: "test", path, value: node },
    { op: "remove", path },
  ];
  try {
    await client.patch(PersistentVolumeClaim, { name, namespace }, patch, { type: "json", signal });
  } catch (error) {
    // The choice was changed meanwhile, or the claim is gone: that comes back by itself.
    if (!KxError.is(error) || (error.code !== "KX_API_INVALID" && error.code !== "KX_API_NOT_FOUND")) throw error;
  }
}

function isNodeGone(error: unknown): boolean {
  return KxError.is(error) && error.code === "KX_CSI_NODE";
}
