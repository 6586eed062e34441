import { didYouMean, KxError } from "@kx/core";
import type { ConformanceCase } from "./case.ts";
import { allCases, casesOf, matches } from "./cases.ts";
import { NotApplicable } from "./failure.ts";
import { createLab, type Lab } from "./lab.ts";
import type { ConformanceOptions } from "./options.ts";
import { type CaseReport, type ConformanceReport, makeReport, requirementOf } from "./report.ts";
import { createScope } from "./scope.ts";

/** What is told while the kit runs. */
export interface ConformanceProgress {
  /** Called after each case. */
  readonly onCase?: (report: CaseReport) => void;
  /** Ends the run after the case that runs. */
  readonly signal?: AbortSignal;
}

/**
 * Runs the conformance kit for CSI drivers: what CSI 1.13.0 and those who call drivers ask for, as named cases. They run one after
 * another, each with volumes of its own; a case that needs what the driver does not say that it can do does not apply.
 *
 * @throws KxError `KX_CSI_TESTING` if the kit cannot be run as asked.
 */
export async function conformance(
  options: ConformanceOptions,
  { onCase, signal }: ConformanceProgress = {},
): Promise<ConformanceReport> {
  const cases = checkedCases(options);
  await using lab = await createLab(options);
  const reports: CaseReport[] = [];
  for (const one of cases) {
    signal?.throwIfAborted();
    const report = await runCase(lab, one);
    reports.push(report);
    onCase?.(report);
  }
  return makeReport(lab.driver.name, reports);
}

/** The cases of a run, if the names in the options are right. */
export function checkedCases(options: ConformanceOptions): readonly ConformanceCase[] {
  const all = allCases.map(({ id }) => id);
  const known = [...new Set([...all, ...all.map(requirementOf)])];
  const named = [...(options.only ?? []), ...Object.keys({ ...options.exempt, ...options.knownGaps })];
  const odd = named.find((name) => !known.includes(name));
  if (odd === undefined) return casesOf(options.only);
  const meant = didYouMean(odd, known);
  throw new KxError("KX_CSI_TESTING", `the conformance kit has no case ${odd}`, {
    remedy: meant === undefined ? "name a case, or a requirement from D1 to D15" : `did you mean ${meant}?`,
  });
}

/** Runs one case and takes away what it made. */
export async function runCase(lab: Lab, one: ConformanceCase): Promise<CaseReport> {
  const { id, title } = one;
  const { knownGaps = {} } = lab.options;
  const started = performance.now();
  const ended = (outcome: CaseReport["outcome"], reason?: string): CaseReport => {
    const ms = performance.now() - started;
    return { id, title, outcome, ms, ...(reason === undefined ? {} : { reason }) };
  };
  const excuse = excuseOf(lab, one);
  if (excuse !== undefined) return ended("not-applicable", excuse);
  const gap = knownGaps[id];
  const scope = createScope(lab);
  try {
    await one.run(scope);
    return gap === undefined ? ended("passed") : ended("gap-closed", gap);
  } catch (error) {
    if (error instanceof NotApplicable) return ended("not-applicable", error.message);
    const { reason } = KxError.from(error);
    return gap === undefined ? ended("failed", reason) : ended("gap", `${gap}\n${reason}`);
  } finally {
    await scope.dispose();
  }
}

/** Why a case says nothing about a driver. */
function excuseOf({ options, settings, driver }: Lab, { id, needs, isMounting }: ConformanceCase): string | undefined {
  const [, exempt] = Object.entries(options.exempt ?? {}).find(([name]) => matches(id, [name])) ?? [];
  if (exempt !== undefined) return exempt;
  const lacking = needs.filter((need) => !driver.capabilities.has(need));
  if (lacking.length > 0) return `the driver does not say that it has: ${lacking.join(", ")}`;
  return isMounting === true && !settings.mounts ? "no volumes are brought to this machine" : undefined;
}
