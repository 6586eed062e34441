import { createClient, isNotFound } from "@kx/controllers";
import { loadKubeconfig } from "@kx/controllers/kubeconfig";
import type { Extension, HostEnv } from "@kx/core";
import { gated } from "./gated.ts";

/** A group and version of the API, and what it must serve. */
export interface NeededApi {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
}

const lookAgainMs = 5000;

/**
 * An extension whose parts wait, ready, until the API server serves a resource: a cluster without its CRDs is no failure of
 * those who would work with them.
 */
export function whenServed(extension: Extension, api: NeededApi): Extension {
  return Object.freeze({
    ...extension,
    parts: (env: HostEnv) =>
      gated((signal, standAside) => served(env, api, signal, standAside), extension.parts(env), extension.name),
  });
}

async function served(
  { clock, log, kubeconfig }: HostEnv,
  { group, version, plural }: NeededApi,
  signal: AbortSignal,
  standAside: () => void,
): Promise<void> {
  const config = await loadKubeconfig({ clock, ...(kubeconfig === undefined ? {} : { path: kubeconfig }) });
  await using client = createClient(config, { clock, userAgent: "kx" });
  for (;;) {
    const found = await client.discover(group, version, { signal }).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    if (found?.has(plural) === true) return;
    log.info({ crd: `${plural}.${group}` }, "crd not installed, waiting");
    standAside();
    await clock.sleep(lookAgainMs, signal);
  }
}
