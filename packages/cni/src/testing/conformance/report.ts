import {
  type CaseReport,
  type CaseSummary,
  type FormatReportOptions,
  formatCases,
  summarizeCases,
} from "@kx/core/testing";

/** What the suite found out about a plug-in. */
export interface ConformanceReport extends CaseSummary {
  /** The plug-in's name, or its executable. */
  readonly plugin: string;
  readonly role: string;
}

/** Sums cases up. */
export function makeReport(plugin: string, role: string, cases: readonly CaseReport[]): ConformanceReport {
  return { plugin, role, ...summarizeCases(cases) };
}

/** A report as a test runner prints one: a line a case, its requirement above it, and a summary. */
export function formatReport(report: ConformanceReport, options: FormatReportOptions = {}): string {
  return formatCases(report, { subject: `${report.plugin} (${report.role})`, requirements }, options);
}

/** What the requirements are about, as the report's headings. */
const requirements: Readonly<Record<string, string>> = {
  P1: "VERSION",
  P2: "missing variables",
  P3: "names",
  P4: "configuration and command",
  P5: "commands that a version does not have",
  P6: "results of each version",
  P7: "results of the plug-ins before",
  P8: "an interface that exists",
  P9: "a second ADD",
  P10: "DEL",
  P11: "an ADD that fails",
  P12: "CHECK",
  P13: "delegation",
  P14: "GC",
  P15: "STATUS",
  P16: "calls at once",
  P17: "what is not known",
  P18: "the plug-in's own namespace",
  P19: "what is asked for",
};
