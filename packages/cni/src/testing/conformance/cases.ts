import { isCaseNamed, requirementOf } from "@kx/core/testing";
import { requestedCases } from "./cases/asked.ts";
import { attachingCases } from "./cases/attaching.ts";
import type { ConformanceCase } from "./cases/case.ts";
import { checkCases } from "./cases/check.ts";
import { collectingCases } from "./cases/collecting.ts";
import { delegationCases } from "./cases/delegation.ts";
import { environmentCases } from "./cases/environment.ts";
import { resultCases } from "./cases/results.ts";
import { togetherCases } from "./cases/together.ts";
import type { ConformanceOptions } from "./options.ts";

/** The cases of a run, in the order of the requirements. */
export function casesOf(
  options: Pick<ConformanceOptions, "damages" | "requested" | "only">,
): readonly ConformanceCase[] {
  const all = [
    ...environmentCases,
    ...resultCases,
    ...attachingCases,
    ...checkCases(options),
    ...delegationCases,
    ...collectingCases,
    ...togetherCases,
    ...requestedCases(options),
  ];
  const { only } = options;
  const wanted = only === undefined ? all : all.filter(({ id }) => isCaseNamed(id, only));
  return wanted.toSorted((a, b) => numberOf(a) - numberOf(b));
}

function numberOf({ id }: ConformanceCase): number {
  return Number(requirementOf(id).slice(1));
}
