export { type CollectingLogger, collectingLogger, type LogLine } from "./collecting-logger.ts";
export {
  type CaseOutcome,
  type CaseReport,
  type CaseSummary,
  type FormatReportOptions,
  formatCase,
  formatCases,
  formatCounts,
  isCaseNamed,
  type ReportHeadings,
  requirementOf,
  summarizeCases,
} from "./conformance-report.ts";
export {
  type CaseLists,
  type CaseTrial,
  type ConformanceProgress,
  type DescribedSuite,
  describeCases,
  exemptionOf,
  type NamedCase,
  NotApplicable,
  notApplicable,
  requireCases,
  runCases,
  type SkippableTest,
  type TestRunner,
  tryCase,
} from "./conformance-suite.ts";
export { type FakeClock, fakeClock } from "./fake-clock.ts";
