import {
  type CaseReport,
  type ConformanceProgress,
  exemptionOf,
  requireCases,
  runCases,
  tryCase,
} from "@kx/core/testing";
import { describePlugin } from "../plugin-call.ts";
import type { ConformanceCase } from "./cases/case.ts";
import { casesOf } from "./cases.ts";
import { createLab, type Lab, roleOf } from "./lab.ts";
import type { ConformanceOptions } from "./options.ts";
import { type ConformanceReport, makeReport } from "./report.ts";
import { createScope } from "./scope.ts";

/**
 * Runs the conformance suite for CNI plug-ins: requirements P1 to P19 of the CNI specification 1.1.0 and of the behaviour
 * that runtimes rely on, as named cases. Cases run one after another, each with containers of its own.
 *
 * @throws KxError `KX_CNI_TESTING` if the suite cannot be run as asked.
 */
export async function conformance(
  options: ConformanceOptions,
  progress: ConformanceProgress = {},
): Promise<ConformanceReport> {
  const cases = checkedCases(options);
  await using lab = await createLab(options);
  const reports = await runCases(cases, (one) => runCase(lab, one), progress);
  return makeReport(describePlugin(options).name, roleOf(options), reports);
}

/** The cases of a run, if the names in the options are right. */
export function checkedCases(options: ConformanceOptions): readonly ConformanceCase[] {
  const { only: _, ...rest } = options;
  const remedy = "name a case, or a requirement from P1 to P19";
  requireCases(casesOf(rest), options, { code: "KX_CNI_TESTING", suite: "the conformance suite", remedy });
  return casesOf(options);
}

/** Runs one case and takes away what it attached. */
export async function runCase(lab: Lab, one: ConformanceCase): Promise<CaseReport> {
  const { options } = lab.settings;
  return await tryCase(one, {
    excuse: exemptionOf(one.id, options),
    gap: options.knownGaps?.[one.id],
    openScope: () => createScope(lab),
    run: one.run,
  });
}
