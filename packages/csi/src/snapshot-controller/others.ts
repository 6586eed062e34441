import { type Client, isNotFound } from "@kx/controllers";
import { CustomResourceDefinition } from "@kx/controllers/api/apiextensions-v1";
import { Deployment } from "@kx/controllers/api/apps-v1";
import { Lease } from "@kx/controllers/api/coordination-v1";
import type { Clock } from "@kx/core";
import { isOurs } from "../crds/crd-plan.ts";

/** The lease of kubernetes-csi's snapshot-controller. */
const leaseName = "snapshot-controller-leader";
/** How its Deployment is labelled. */
const deploymentLabel = "app.kubernetes.io/name=snapshot-controller";

/** What speaks for a snapshot controller of others in the cluster; undefined if nothing does. */
export async function findOthers(
  client: Client,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<string | undefined> {
  const leases = await client.list(Lease, { fieldSelector: `metadata.name=${leaseName}`, signal });
  for (const { metadata, spec } of leases.items) {
    const { holderIdentity = "", renewTime = "", leaseDurationSeconds = 0 } = spec ?? {};
    const isHeld = holderIdentity !== "" && Date.parse(renewTime) + leaseDurationSeconds * 1000 > clock.now();
    if (isHeld) return `the lease ${metadata.namespace}/${metadata.name} is held by ${holderIdentity}`;
  }
  const deployments = await client.list(Deployment, { labelSelector: deploymentLabel, signal });
  const running = deployments.items.find(({ status }) => (status?.readyReplicas ?? 0) > 0);
  if (running !== undefined) return `the Deployment ${running.metadata.namespace}/${running.metadata.name} is running`;
  return await findCrd(client, signal);
}

/** Who installs the CRDs installs the controller too, mostly. */
async function findCrd(client: Client, signal: AbortSignal): Promise<string | undefined> {
  const name = "volumesnapshots.snapshot.storage.k8s.io";
  try {
    const crd = await client.get(CustomResourceDefinition, { name }, { signal });
    return isOurs(crd) ? undefined : `the CRD ${name} was installed by others`;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
