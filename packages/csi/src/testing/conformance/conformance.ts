import {
  type CaseReport,
  type ConformanceProgress,
  exemptionOf,
  requireCases,
  runCases,
  tryCase,
} from "@kx/core/testing";
import type { ConformanceCase } from "./case.ts";
import { allCases, casesOf } from "./cases.ts";
import { createLab, type Lab } from "./lab.ts";
import type { ConformanceOptions } from "./options.ts";
import { type ConformanceReport, makeReport } from "./report.ts";
import { createScope } from "./scope.ts";

/**
 * Runs the conformance kit for CSI drivers: what CSI 1.13.0 and those who call drivers ask for, as named cases. They run one after
 * another, each with volumes of its own; a case that needs what the driver does not say that it can do does not apply.
 *
 * @throws KxError `KX_CSI_TESTING` if the kit cannot be run as asked.
 */
export async function conformance(
  options: ConformanceOptions,
  progress: ConformanceProgress = {},
): Promise<ConformanceReport> {
  const cases = checkedCases(options);
  await using lab = await createLab(options);
  return makeReport(lab.driver.name, await runCases(cases, (one) => runCase(lab, one), progress));
}

/** The cases of a run, if the names in the options are right. */
export function checkedCases(options: ConformanceOptions): readonly ConformanceCase[] {
  const remedy = "name a case, or a requirement from D1 to D16";
  requireCases(allCases, options, { code: "KX_CSI_TESTING", suite: "the conformance kit", remedy });
  return casesOf(options.only);
}

/** Runs one case and takes away what it made. */
export async function runCase(lab: Lab, one: ConformanceCase): Promise<CaseReport> {
  return await tryCase(one, {
    excuse: excuseOf(lab, one),
    gap: lab.options.knownGaps?.[one.id],
    openScope: () => createScope(lab),
    run: one.run,
  });
}

/** Why a case says nothing about a driver. */
function excuseOf(
  { options, settings, driver }: Lab,
  { id, needs, isMounting, needsFaults }: ConformanceCase,
): string | undefined {
  const exempt = exemptionOf(id, options);
  if (exempt !== undefined) return exempt;
  const lacking = needs.filter((need) => !driver.capabilities.has(need));
  if (lacking.length > 0) return `the driver does not say that it has: ${lacking.join(", ")}`;
  if (needsFaults === true && options.faults === undefined) return "the driver is not killed here: there are no faults";
  return isMounting === true && !settings.mounts ? "no volumes are brought to this machine" : undefined;
}
