import { createClient } from "@kx/controllers";
import { loadKubeconfig } from "@kx/controllers/kubeconfig";
import {
  defineExtension,
  type Extension,
  type ExtensionModule,
  type HostEnv,
  type KubeObject,
  type Runnable,
} from "@kx/core";
import { miniSchema } from "@kx/core/config";
import * as z from "zod/mini";
import { gated } from "../controllers/gated.ts";
import { installCrds } from "../crds/install-crds.ts";
import { groupControllers } from "./group-controllers.ts";
import { findOthers } from "./others.ts";
import { snapshotControllerRole } from "./role.ts";
import { snapshotControllers } from "./snapshot-controllers.ts";
import { snapshotCrds } from "./snapshot-crds.ts";

/** Options of the snapshot controller. */
export interface SnapshotControllerOptions {
  /** Installs CRDs that are missing, and renews those that it installed. Default: true. */
  readonly crds?: boolean | undefined;
  /** Whether there are group snapshots. Default: true. */
  readonly groups?: boolean | undefined;
  /** Whether each node's sidecar takes the snapshots of the volumes that only that node reaches. Default: false. */
  readonly distributed?: boolean | undefined;
  /** Works although CRDs or a controller of others are there; their CRDs stay as they are. Default: false. */
  readonly takeOver?: boolean | undefined;
  /** Objects of a kind that are worked on at the same time. Default: 10. */
  readonly concurrency?: number | undefined;
}

/** How often it looks whether the others have gone. */
const lookAgainMs = 30_000;

/**
 * The controller that a cluster has once, whatever its drivers: it binds VolumeSnapshots to their contents, protects both,
 * and makes the snapshots of a group. Where a snapshot controller of others works, or their CRDs are installed, it stands
 * aside until they are gone.
 */
export function snapshotController(options: SnapshotControllerOptions = {}): Extension {
  const { groups = true, distributed = false, concurrency = 10 } = options;
  const settings = { groups, distributed, concurrency };
  const controllers = [...snapshotControllers(settings), ...(groups ? groupControllers(settings) : [])];
  return Object.freeze({
    kx: 1,
    kind: "controller",
    name: "snapshot-controller",
    version: "0.0.0",
    parts(env) {
      if (env.role !== "controller") return [];
      return gated(
        (signal, standAside) => clearTheWay(env, options, groups, signal, standAside),
        controllers.flatMap((controller): readonly Runnable[] => controller.parts(env)),
      );
    },
    manifests: (env) => [
      ...(options.crds === false ? [] : (snapshotCrds({ groups }) as unknown as readonly KubeObject[])),
      ...controllers.flatMap((controller) => controller.manifests(env)),
      snapshotControllerRole,
    ],
    metrics: () => controllers.flatMap((controller) => controller.metrics()),
  } satisfies Extension);
}

/** Resolves when the controllers may work: others are gone, and the CRDs are there. */
async function clearTheWay(
  { clock, log, kubeconfig }: HostEnv,
  { crds = true, takeOver = false }: SnapshotControllerOptions,
  groups: boolean,
  signal: AbortSignal,
  standAside: () => void,
): Promise<void> {
  const config = await loadKubeconfig({ clock, ...(kubeconfig === undefined ? {} : { path: kubeconfig }) });
  await using client = createClient(config, { clock, fieldManager: "snapshot-controller", userAgent: "kx" });
  for (;;) {
    const why = takeOver ? undefined : await findOthers(client, { clock, signal });
    if (why === undefined) break;
    log.warn({ why }, "another snapshot controller is there, standing aside");
    standAside();
    await clock.sleep(lookAgainMs, signal);
  }
  if (crds) await installCrds(client, snapshotCrds({ groups }), { log, signal });
}

/** What a host loads. */
export const extension: ExtensionModule<SnapshotControllerOptions> = defineExtension<SnapshotControllerOptions>({
  options: miniSchema(
    z.strictObject({
      crds: z.optional(z.boolean()),
      groups: z.optional(z.boolean()),
      distributed: z.optional(z.boolean()),
      takeOver: z.optional(z.boolean()),
      concurrency: z.optional(z.int().check(z.minimum(1))),
    }),
  ),
  create: snapshotController,
});
