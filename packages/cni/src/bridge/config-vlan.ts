import * as z from "zod/mini";
import { isObject } from "./config-when.ts";
import type { PortVlanSettings } from "./data-path-types.ts";

const lastVlan = 4094;

/** VLANs whose frames a port passes on with their tags: one, or a range. */
export interface VlanTrunk {
  readonly id?: number;
  readonly minID?: number;
  readonly maxID?: number;
}

const vlanId = z.exactOptional(
  z.int().check(z.refine((id) => id >= 1 && id <= lastVlan, `must be a VLAN from 1 to ${lastVlan}`)),
);

const hasBothEnds = ({ minID, maxID }: VlanTrunk) => (minID === undefined) === (maxID === undefined);
const isInOrder = ({ minID, maxID }: VlanTrunk) => minID === undefined || maxID === undefined || minID <= maxID;
const isGiven = ({ id, minID, maxID }: VlanTrunk) => (id ?? minID ?? maxID) !== undefined;

export const vlanSchema = z.prefault(
  z.int().check(z.refine((id) => id >= 0 && id <= lastVlan, `must be a VLAN from 1 to ${lastVlan}, or 0 for none`)),
  0,
);

export const vlanTrunkSchema = z.array(
  z.looseObject({ id: vlanId, minID: vlanId, maxID: vlanId }).check(
    // Also where one of the numbers is wrong: all problems are told at once.
    z.refine(isGiven, { message: "must have id, or minID and maxID", when: isObject }),
    z.refine(hasBothEnds, { message: "must have minID and maxID together", when: isObject }),
    z.refine(isInOrder, { message: "must have a minID that is not above its maxID", when: isObject }),
  ),
);

/** The VLANs of a port; undefined if the configuration names none. */
export function portVlans(config: {
  readonly vlan: number;
  readonly vlanTrunk?: readonly VlanTrunk[];
  readonly preserveDefaultVlan: boolean;
}): PortVlanSettings | undefined {
  const { vlan, vlanTrunk = [], preserveDefaultVlan } = config;
  if (vlan === 0 && vlanTrunk.length === 0) return undefined;
  const trunk = vlanTrunk.flatMap(({ id, minID, maxID }) => [
    ...(id === undefined ? [] : [{ first: id, last: id }]),
    ...(minID === undefined || maxID === undefined ? [] : [{ first: minID, last: maxID }]),
  ]);
  return { native: vlan, trunk, keepDefault: preserveDefaultVlan };
}
