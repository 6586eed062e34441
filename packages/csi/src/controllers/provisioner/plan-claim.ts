import type { Cached, DeepReadonly } from "@kx/controllers";
import type { PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import type { StorageClass } from "@kx/controllers/api/storage-v1";
import { KxError } from "@kx/core";
import { provisionerAnnotations, selectedNode } from "./names.ts";

/** A claim as the cache has it. */
export type Claim = Cached<PersistentVolumeClaim>;

/** What is to be done for a claim. */
export type ClaimPlan =
  | { readonly do: "nothing" }
  /** `node` is the one that the scheduler has chosen. */
  | { readonly do: "provision"; readonly class: DeepReadonly<StorageClass>; readonly node: string | undefined };

const nothing: ClaimPlan = { do: "nothing" };

/** What a plan is made of. */
export interface ClaimFacts {
  readonly driverName: string;
  readonly claim: Claim;
  readonly classNamed: (name: string) => Cached<StorageClass> | undefined;
  /** Whether the claim's volume is there already. */
  readonly hasVolume: boolean;
}

/** The name of a claim's volume, here and in the storage system: it stays the same however often it is tried. */
export function volumeNameOf(prefix: string, claim: Claim): string {
  return `${prefix}-${claim.metadata.uid}`;
}

/** Whom Kubernetes has asked to provision a claim. */
function provisionerOf(claim: Claim): string | undefined {
  const { annotations = {} } = claim.metadata;
  return provisionerAnnotations.map((name) => annotations[name]).find((value) => value !== undefined);
}

/**
 * Decides whether a claim is to be provisioned now.
 *
 * @throws KxError `KX_CSI_CLASS` if its class is not there.
 */
export function planClaim({ driverName, claim, classNamed, hasVolume }: ClaimFacts): ClaimPlan {
  if (provisionerOf(claim) !== driverName) return nothing;
  if ((claim.spec?.volumeName ?? "") !== "" || hasVolume) return nothing;
  const className = claim.spec?.storageClassName ?? "";
  const storageClass = classNamed(className);
  if (storageClass === undefined) {
    throw new KxError("KX_CSI_CLASS", `the StorageClass ${JSON.stringify(className)} of the claim does not exist`, {
      remedy: "create the class, or make the claim anew with another",
      retryable: true,
    });
  }
  // The class was made anew for another driver.
  if (storageClass.provisioner !== driverName) return nothing;
  const node = claim.metadata.annotations?.[selectedNode];
  const chosen = node === undefined || node === "" ? undefined : node;
  if (storageClass.volumeBindingMode === "WaitForFirstConsumer" && chosen === undefined) return nothing;
  return { do: "provision", class: storageClass, node: chosen };
}
