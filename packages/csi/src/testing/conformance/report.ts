import {
  type CaseReport,
  type CaseSummary,
  type FormatReportOptions,
  formatCases,
  summarizeCases,
} from "@kx/core/testing";

/** What the kit found out about a driver. */
export interface ConformanceReport extends CaseSummary {
  /** The driver's name. */
  readonly driver: string;
}

/** Sums cases up. */
export function makeReport(driver: string, cases: readonly CaseReport[]): ConformanceReport {
  return { driver, ...summarizeCases(cases) };
}

/** A report as a test runner prints one: a line a case, its requirement above it, and a summary. */
export function formatReport(report: ConformanceReport, options: FormatReportOptions = {}): string {
  return formatCases(report, { subject: report.driver, requirements }, options);
}

/** What the requirements are about, as the report's headings. */
const requirements: Readonly<Record<string, string>> = {
  D1: "identity",
  D2: "capabilities as they are told",
  D3: "requests that lack something",
  D4: "volumes",
  D5: "content of volumes",
  D6: "sizes of fields",
  D7: "calls at once",
  D8: "lists",
  D9: "snapshots",
  D10: "group snapshots",
  D11: "growing and modifying",
  D12: "attaching",
  D13: "volumes on the node",
  D14: "secrets",
  D15: "health",
  D16: "faults",
};
