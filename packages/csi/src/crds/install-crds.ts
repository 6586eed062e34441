import { type Client, isNotFound } from "@kx/controllers";
import { CustomResourceDefinition } from "@kx/controllers/api/apiextensions-v1";
import { KxError, type Logger } from "@kx/core";
import { planCrd } from "./crd-plan.ts";

/**
 * Installs CRDs that the cluster lacks, and renews those that we installed. A CRD that others installed stays as it is.
 *
 * @throws KxError KX_API_* if the API server refuses; KX_CSI_CRDS if a CRD of others lacks what we need.
 */
export async function installCrds(
  client: Client,
  crds: readonly CustomResourceDefinition[],
  { log, signal }: { readonly log: Logger; readonly signal: AbortSignal },
): Promise<void> {
  for (const wanted of crds) await install(client, wanted, log, signal);
}

async function install(
  client: Client,
  wanted: CustomResourceDefinition,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const name = wanted.metadata.name ?? "";
  const present = await client.get(CustomResourceDefinition, { name }, { signal }).catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
  const step = planCrd(wanted, present);
  switch (step.do) {
    case "create":
      // Another replica may have been faster.
      await client.create(CustomResourceDefinition, step.crd, { signal }).catch((error: unknown) => {
        if (!KxError.is(error) || error.code !== "KX_API_ALREADY_EXISTS") throw error;
      });
      return log.info({ crd: name }, "crd installed");
    case "update":
      await client.update(CustomResourceDefinition, step.crd, { signal });
      return log.info({ crd: name }, "crd renewed");
    case "leave":
      checkServed(wanted, present);
      return log.info({ crd: name, why: step.why }, "crd left as it is");
  }
}

function checkServed(
  wanted: CustomResourceDefinition,
  present: { readonly spec: CustomResourceDefinition["spec"] } | undefined,
): void {
  const needed = wanted.spec.versions[0]?.name ?? "";
  const served = present?.spec.versions.filter((version) => version.served).map(({ name }) => name) ?? [];
  if (served.includes(needed)) return;
  const serves = served.join(", ") || "nothing";
  throw new KxError(
    "KX_CSI_CRDS",
    `the CRD ${wanted.metadata.name} was installed by others and serves ${serves}, but not ${needed}`,
  );
}
