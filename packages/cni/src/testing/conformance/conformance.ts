import { didYouMean, KxError } from "@kx/core";
import { describePlugin } from "../plugin-call.ts";
import type { ConformanceCase } from "./cases/case.ts";
import { casesOf, matches } from "./cases.ts";
import { NotApplicable } from "./failure.ts";
import { createLab, type Lab, roleOf } from "./lab.ts";
import type { ConformanceOptions } from "./options.ts";
import { type CaseReport, type ConformanceReport, makeReport, requirementOf } from "./report.ts";
import { createScope } from "./scope.ts";

/** What is told while the suite runs. */
export interface ConformanceProgress {
  /** Called after each case. */
  readonly onCase?: (report: CaseReport) => void;
  /** Ends the run after the case that runs. */
  readonly signal?: AbortSignal;
}

/**
 * Runs the conformance suite for CNI plug-ins: requirements P1 to P19 of the CNI specification 1.1.0 and of the behaviour
 * that runtimes rely on, as named cases. Cases run one after another, each with containers of its own.
 *
 * @throws KxError `KX_CNI_TESTING` if the suite cannot be run as asked.
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
  return makeReport(describePlugin(options).name, roleOf(options), reports);
}

/** The cases of a run, if the names in the options are right. */
export function checkedCases(options: ConformanceOptions): readonly ConformanceCase[] {
  const { only = [], ...rest } = options;
  const all = casesOf(rest).map(({ id }) => id);
  const known = [...new Set([...all, ...all.map(requirementOf)])];
  const named = [...only, ...Object.keys({ ...options.exempt, ...options.knownGaps })];
  const odd = named.find((name) => !known.includes(name));
  if (odd === undefined) return casesOf(options);
  const meant = didYouMean(odd, known);
  throw new KxError("KX_CNI_TESTING", `the conformance suite has no case ${odd}`, {
    remedy: meant === undefined ? "name a case, or a requirement from P1 to P19" : `did you mean ${meant}?`,
  });
}

/** Runs one case and takes away what it attached. */
export async function runCase(lab: Lab, { id, title, run }: ConformanceCase): Promise<CaseReport> {
  const { exempt = {}, knownGaps = {} } = lab.settings.options;
  const started = performance.now();
  const ended = (outcome: CaseReport["outcome"], reason?: string): CaseReport => {
    const ms = performance.now() - started;
    return { id, title, outcome, ms, ...(reason === undefined ? {} : { reason }) };
  };
  const excused = Object.entries(exempt).find(([name]) => matches(id, [name]));
  if (excused !== undefined) return ended("not-applicable", excused[1]);
  const gap = knownGaps[id];
  const scope = await createScope(lab);
  try {
    await run(scope);
    return gap === undefined ? ended("passed") : ended("gap-closed", gap);
  } catch (error) {
    if (error instanceof NotApplicable) return ended("not-applicable", error.message);
    const { reason } = KxError.from(error);
    return gap === undefined ? ended("failed", reason) : ended("gap", `${gap}\n${reason}`);
  } finally {
    await scope.dispose();
  }
}
