import type { TopologyRequirement } from "@kx/core/contracts/csi";
import { csiError } from "../driver/csi-error.ts";

/** A place, as keys and values. */
export interface Place {
  readonly segments: Readonly<Record<string, string>>;
}

/**
 * All that the driver makes is where it is itself.
 *
 * @returns whether this place was asked for.
 * @throws KxError `KX_CSI_EXHAUSTED` if others were, and not this one: the caller tries another node.
 */
export function refuseOtherPlaces(requirement: TopologyRequirement | undefined, here: Place): boolean {
  const requisite = requirement?.requisite ?? [];
  if (requisite.length === 0) return false;
  if (requisite.some((place) => isWithin(here, place))) return true;
  throw csiError("EXHAUSTED", "what is asked for may be nowhere that this driver can make it", {
    details: { requisite: requisite.map(({ segments }) => segments), here: here.segments },
  });
}

function isWithin({ segments }: Place, wanted: Place): boolean {
  return Object.entries(wanted.segments).every(([key, value]) => segments[key] === value);
}
