import { KxError } from "@kx/core";
import { type ChainLink, chainsOf, refsOf } from "./chain.ts";
import { findStuck } from "./find-stuck.ts";
import type { Finding } from "./finding.ts";
import type { StorageObjects } from "./storage-objects.ts";
import { isSameRef, type StorageRef, type StuckKind, showRef } from "./storage-ref.ts";
import { createStorageWorld } from "./storage-world.ts";

/** What is known about one object, or about all. */
export interface Explanation {
  /** The objects from pods down to nodes and classes; none if nothing was asked about in particular. */
  readonly chains: readonly ChainLink[];
  readonly findings: readonly Finding[];
}

/**
 * Explains what does not go on. Pure.
 *
 * @param target - what is asked about: its chain, and what is found about each object in it. Absent: all that is found.
 * @param nowMs - milliseconds since 1970, by which what is new is told from what is overdue
 * @throws KxError `KX_CSI_DOCTOR` if there is no such object.
 */
export function explainStorage(
  objects: StorageObjects,
  target: StorageRef<StuckKind> | undefined,
  nowMs: number,
): Explanation {
  const world = createStorageWorld(objects, nowMs);
  const findings = findStuck(world);
  if (target === undefined) return { chains: [], findings };
  const chains = chainsOf(target, world);
  if (chains.length === 0) {
    throw new KxError(
      "KX_CSI_DOCTOR",
      `${showRef(target)} does not exist${target.kind === "Pod" ? ", or has no volumes of CSI" : ""}`,
      {
        remedy: target.namespace === undefined ? "check its name" : "check its name, and give its namespace with -n",
      },
    );
  }
  const refs = refsOf(chains);
  return { chains, findings: findings.filter(({ about }) => refs.some((ref) => isSameRef(ref, about))) };
}
