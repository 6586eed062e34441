import { isCaseNamed } from "@kx/core/testing";
import type { ConformanceCase } from "./case.ts";
import { atOnceCases } from "./cases/at-once.ts";
import { attachCases } from "./cases/attach.ts";
import { capabilityCases } from "./cases/capabilities.ts";
import { contentCases } from "./cases/content.ts";
import { faultCases } from "./cases/faults.ts";
import { fieldSizeCases } from "./cases/field-sizes.ts";
import { groupCases } from "./cases/groups.ts";
import { healthCases } from "./cases/health.ts";
import { identityCases } from "./cases/identity.ts";
import { lackingCases } from "./cases/lacking.ts";
import { listCases } from "./cases/lists.ts";
import { nodeCases } from "./cases/node.ts";
import { resizeCases } from "./cases/resize.ts";
import { secretCases } from "./cases/secrets.ts";
import { snapshotCases } from "./cases/snapshots.ts";
import { volumeCases } from "./cases/volumes.ts";

/** Every case, in the order of the requirements. */
export const allCases: readonly ConformanceCase[] = [
  ...identityCases,
  ...capabilityCases,
  ...lackingCases,
  ...volumeCases,
  ...contentCases,
  ...fieldSizeCases,
  ...atOnceCases,
  ...listCases,
  ...snapshotCases,
  ...groupCases,
  ...resizeCases,
  ...attachCases,
  ...nodeCases,
  ...secretCases,
  ...healthCases,
  ...faultCases,
];

/** The cases of a run. */
export function casesOf(only: readonly string[] | undefined): readonly ConformanceCase[] {
  return only === undefined ? allCases : allCases.filter(({ id }) => isCaseNamed(id, only));
}
